import { X509Certificate } from 'node:crypto';
import { toFailure } from '#shared/model/failure.ts';
import type { TlsFiles } from './tls.ts';

export interface TlsState {
  /** When the certificate that is served ends. */
  readonly until: Date;
  /** Why the files that lie there now are not taken; null where they are those that are served. */
  readonly refused: string | null;
}

export interface TlsKeeperOptions {
  readonly first: TlsFiles;
  /** Throws where the files cannot be read, or do not belong together. */
  readonly read: () => Promise<TlsFiles>;
  readonly now: () => Date;
}

/** Who serves the certificate. */
export interface TlsServing {
  /** For connections from now on; throws where it cannot. */
  readonly use: (files: TlsFiles) => void;
  readonly told: (news: TlsNews) => void;
}

export type TlsNews =
  | { readonly kind: 'taken'; readonly until: Date }
  | { readonly kind: 'refused'; readonly detail: string };

/** Between two looks at the files. */
export const TLS_LOOK_MS = 10_000;

/**
 * The certificate that is served, renewed while the server runs. Two files cannot be replaced at one moment, and each of them may
 * be half written: what is there counts once it was the same at two looks. What is no good is told once, and what was served
 * before goes on being served.
 */
export class TlsKeeper {
  readonly #options: TlsKeeperOptions;
  #current: TlsFiles;
  /** What the last look found, as far as it is not what is served. */
  #seen: string | null = null;
  #refused: string | null = null;
  #serving: TlsServing | null = null;

  constructor(options: TlsKeeperOptions) {
    this.#options = options;
    this.#current = options.first;
  }

  get current(): TlsFiles {
    return this.#current;
  }

  get state(): TlsState {
    return { until: new X509Certificate(this.#current.cert).validToDate, refused: this.#refused };
  }

  serve(serving: TlsServing): void {
    this.#serving = serving;
  }

  async look(): Promise<void> {
    const found = await this.#read();
    if (typeof found !== 'string' && isSame(found, this.#current)) {
      this.#seen = null;
      this.#refused = null;
      return;
    }
    const sight = typeof found === 'string' ? found : `${found.cert}\n${found.key}`;
    const isSettled = this.#seen === sight;
    this.#seen = sight;
    if (!isSettled) return;
    if (typeof found === 'string') this.#refuse(found);
    else this.#take(found);
  }

  async #read(): Promise<TlsFiles | string> {
    try {
      return await this.#options.read();
    } catch (thrown) {
      return detailOf(thrown);
    }
  }

  #take(files: TlsFiles): void {
    try {
      requireValid(files, this.#options.now());
      this.#serving?.use(files);
    } catch (thrown) {
      return this.#refuse(detailOf(thrown));
    }
    this.#current = files;
    this.#seen = null;
    this.#refused = null;
    this.#serving?.told({ kind: 'taken', until: this.state.until });
  }

  #refuse(detail: string): void {
    if (this.#refused === detail) return;
    this.#refused = detail;
    this.#serving?.told({ kind: 'refused', detail });
  }
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  return a.cert === b.cert && a.key === b.key;
}

/** At the start whoever starts it sees what it serves; later nobody looks. */
function requireValid({ cert }: TlsFiles, now: Date): void {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  if (validToDate <= now) throw new Error(`the new certificate ended on ${validToDate.toISOString()}`);
  if (validFromDate > now) throw new Error(`the new certificate begins only on ${validFromDate.toISOString()}`);
}

function detailOf(thrown: unknown): string {
  return toFailure(thrown).params['detail'] ?? (thrown instanceof Error ? thrown.message : String(thrown));
}
