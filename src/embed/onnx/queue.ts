/** First in, first out; taking is cheap however much waits. */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(items: readonly T[]): void {
    this.#items = this.#head > 0 ? [...this.#items.slice(this.#head), ...items] : [...this.#items, ...items];
    this.#head = 0;
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item !== undefined) this.#head++;
    return item;
  }

  remove(unwanted: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((item) => !unwanted(item));
    this.#head = 0;
  }
}
