import { Client, type ClientConfig } from 'pg';

/** scheme, user and password, hosts, the rest. */
const URL_PARTS = /^(postgres(?:ql)?:\/\/)([^@/?]*@)?([^/?]*)(.*)$/;

/**
 * The servers of a database URL in libpq's form (PostgreSQL manual, "Specifying Multiple Hosts"), which the driver does not know:
 * `postgresql://user@one:5432,two:5432/plant?target_session_attrs=read-write`. One is in use until it fails its callers.
 */
export class Hosts {
  readonly #urls: readonly string[];
  #current = 0;
  /** Only a server that takes writes will do: not a standby. */
  readonly #mustWrite: boolean;

  constructor(url: string) {
    const [, scheme = '', user = '', hosts = '', rest = ''] = URL_PARTS.exec(url) ?? [];
    const [path = '', query = ''] = rest.split('?');
    const parameters = new URLSearchParams(query);
    const wanted = parameters.get('target_session_attrs');
    this.#mustWrite = wanted === 'read-write' || wanted === 'primary';
    parameters.delete('target_session_attrs');
    const tail = parameters.size === 0 ? path : `${path}?${parameters}`;
    this.#urls = scheme === '' ? [url] : hosts.split(',').map((host) => `${scheme}${user}${host}${tail}`);
  }

  get count(): number {
    return this.#urls.length;
  }

  /** The one that is in use. */
  get url(): string {
    return this.#urls[this.#current] ?? '';
  }

  /** `failed` served its caller badly. Of many callers that saw it fail, the first moves all on. */
  moveOnFrom(failed: string): void {
    if (this.url === failed) this.#current = (this.#current + 1) % this.#urls.length;
  }

  /** For a pool: connections go to whichever server is in use when they are made. */
  client(): new (config?: ClientConfig) => Client {
    const current = () => this.url;
    return class extends Client {
      constructor(config?: ClientConfig) {
        super({ ...config, connectionString: current() });
      }
    };
  }

  /** A new connection that leads to no server as the URL wants it is refused. */
  async verify(client: Pick<Client, 'query'>): Promise<void> {
    if (!this.#mustWrite) return;
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (rows[0]?.standby !== false) throw new Error(`${this.#where} is a standby`);
  }

  /** For messages: the URL itself may hold a password. */
  get #where(): string {
    return URL_PARTS.exec(this.url)?.[3] ?? '';
  }
}
