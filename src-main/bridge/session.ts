import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RandomBytes } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';

/** Bytes of randomness in the token and in the cookie. */
const SECRET_BYTES = 32;

/**
 * Who may talk to the station. The printed URL carries a token; the first load trades it for a cookie with another
 * secret (HttpOnly: no script can read it; SameSite=Strict: no other site's page can send it) and is redirected, so
 * that the token stays out of the address bar, the history and every later request.
 */
export class Session {
  readonly #token: string;
  readonly #secret: string;
  /** Host header values that are us: anything else is another name made to point here (DNS rebinding). */
  readonly #hosts: ReadonlySet<string>;
  readonly #cookie: string;

  constructor(port: number, random: RandomBytes) {
    this.#token = toHex(random(SECRET_BYTES));
    this.#secret = toHex(random(SECRET_BYTES));
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
    // Cookies are shared by all ports of a host, so two stations on one computer need two names.
    this.#cookie = `flashline-${port}`;
  }

  /** Path and query of the page's first load. */
  get entry(): string {
    return `/?token=${this.#token}`;
  }

  isOurHost(request: IncomingMessage): boolean {
    return this.#hosts.has(request.headers.host ?? '');
  }

  /** True when a page of ours made the request: browsers set Origin themselves, scripts cannot. */
  isOurOrigin(request: IncomingMessage): boolean {
    return request.headers.origin === `http://${request.headers.host ?? ''}`;
  }

  isEntry(url: URL): boolean {
    return url.pathname === '/' && same(url.searchParams.get('token') ?? '', this.#token);
  }

  setCookie(): string {
    return `${this.#cookie}=${this.#secret}; Path=/; HttpOnly; SameSite=Strict`;
  }

  isOpen(request: IncomingMessage): boolean {
    const cookies = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
    return cookies.some(([name, value]) => name === this.#cookie && same(value ?? '', this.#secret));
  }
}

/** Compares in a time that tells nothing about where two secrets differ. */
function same(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
