/** Who may call: those with a key, or, where there are no keys, programs and pages of this machine. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './failure.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function keyIn({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  const key = headers['x-api-key'];
  return typeof key === 'string' ? key : undefined;
}

/** Looks at a request before its body is read. Compares with every key, in the same time whatever was sent. */
export function keyChecker(keys: readonly string[]): (request: FastifyRequest) => void {
  const known = keys.map(digest);
  return (request) => {
    const given = digest(keyIn(request) ?? '');
    let fits = false;
    for (const one of known) fits = timingSafeEqual(one, given) || fits;
    if (fits) return;
    throw new HttpError(401, 'E_UNAUTHORIZED', 'An API key is needed: send it as "authorization: Bearer <key>".');
  };
}

/** `localhost`, `127.0.0.0/8` and `::1`. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

function nameOf(host: string): string {
  return /^\[[^\]]*\]/.exec(host)?.[0] ?? host.replace(/:\d+$/, '');
}

/**
 * Without keys any page that a person opens could write to a server of his machine: by a form, or by a name that leads here (DNS rebinding). So the
 * host must be this machine, and a page must be one of ours or of an origin that is named.
 */
export function localChecker(origins: readonly string[]): (request: FastifyRequest) => void {
  return ({ headers: { host = '', origin } }) => {
    if (!isLoopback(nameOf(host))) {
      throw new HttpError(403, 'E_FORBIDDEN', 'This server has no API keys, so it answers to localhost alone.');
    }
    if (origin === undefined || origin === `http://${host}` || origin === `https://${host}` || origins.includes(origin))
      return;
    throw new HttpError(
      403,
      'E_FORBIDDEN',
      'This server has no API keys, so it does not answer to pages of other origins.',
    );
  };
}
