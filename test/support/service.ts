/** A collection with a few documents, and what the tests of engine and server start over it. */
import { Collection } from '../../src/collection/collection.js';
import type { TextInput } from '../../src/collection/types.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/types.js';

export const TEXTS: TextInput[] = [
  {
    id: 'penguins',
    title: 'Penguins',
    source: 'zoo/penguins.txt',
    text: 'Penguins are birds of the southern seas. They cannot fly, but they swim well.',
    metadata: { tenant: 'zoo' },
  },
  {
    id: 'bread',
    title: 'Bread',
    text: 'Bread is baked from flour, water and yeast. The dough must rise for two hours before baking.',
    metadata: { tenant: 'bakery' },
  },
  {
    id: 'sqlite',
    title: 'SQLite',
    text: 'SQLite keeps a whole database in a single file. It needs no server.',
    metadata: { tenant: 'office' },
  },
];

/** Opens what a test needs, and closes it in the order that it must be. */
export class Opened {
  readonly #close: (() => Promise<unknown>)[] = [];

  also<T extends { close(): Promise<unknown> }>(one: T): T {
    this.#close.push(() => one.close());
    return one;
  }

  async collection(folder: string, texts: readonly TextInput[] = TEXTS): Promise<Collection> {
    const collection = this.also(await Collection.open(folder));
    if (texts.length > 0) await collection.add(texts);
    return collection;
  }

  engine(collection: Collection, options: Partial<EngineOptions> = {}): Engine {
    return this.also(createEngine({ collection, ...options }));
  }

  async close(): Promise<void> {
    for (const close of this.#close.splice(0).reverse()) await close();
  }
}
