/** A proxy on loopback between a client and a server, which does to the server's replies what networks do. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What becomes of a part of a reply. */
export type Harm = (part: Buffer, client: Socket) => void;

const PASS: Harm = (part, client) => void client.write(part);

export class TcpProxy {
  /** Applied to replies that come from now on. */
  harm: Harm = PASS;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(target: number) {
    this.#server = createServer((client) => {
      const server = connect(target, '127.0.0.1');
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          this.#sockets.delete(socket);
          client.destroy();
          server.destroy();
        });
      }
      client.on('data', (part) => server.write(part));
      server.on('data', (part) => this.harm(part, client));
    });
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  pass(): void {
    this.harm = PASS;
  }

  delay(ms: number): void {
    this.harm = (part, client) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        client.write(part);
      }, ms);
      this.#timers.add(timer);
    };
  }

  /** Half of the reply comes, then the connection breaks. */
  reset(): void {
    this.harm = (part, client) => {
      client.write(part.subarray(0, Math.floor(part.length / 2)), () => client.resetAndDestroy());
    };
  }

  replace(reply: () => Buffer): void {
    this.harm = (_, client) => void client.write(reply());
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
