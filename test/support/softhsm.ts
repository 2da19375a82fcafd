import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HsmSettings } from '#plant/signing/hsm-settings.ts';

export const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
const PIN = '73915';

/** A token of SoftHSM in a folder of its own. */
export class SoftHsm {
  readonly folder: string;
  readonly settings: HsmSettings & { readonly environment: Readonly<Record<string, string>> };
  readonly #tokens: string;

  constructor(label = 'plant') {
    this.folder = mkdtempSync(join(tmpdir(), 'flashline-hsm-'));
    this.#tokens = join(this.folder, 'tokens');
    mkdirSync(this.#tokens);
    const conf = join(this.folder, 'softhsm2.conf');
    writeFileSync(conf, `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
    this.settings = { module: SOFTHSM, token: label, pin: PIN, environment: { SOFTHSM2_CONF: conf } };
    this.run('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', PIN]);
  }

  run(program: string, args: readonly string[]): string {
    const env = { ...process.env, ...this.settings.environment };
    return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** As pkcs11-tool of OpenSC sees the token, logged in. */
  tool(...args: readonly string[]): string {
    return this.run('pkcs11-tool', ['--module', SOFTHSM, '--token-label', this.settings.token, '--pin', PIN, ...args]);
  }

  /** The settings as a file that `--hsm` takes, its PIN in another. */
  settingsFile(): string {
    const pinFile = join(this.folder, 'pin.txt');
    writeFileSync(pinFile, `${PIN}\n`, { mode: 0o600 });
    const file = join(this.folder, 'hsm.yaml');
    const { module, token, environment } = this.settings;
    writeFileSync(file, JSON.stringify({ module, token, pinFile: 'pin.txt', environment }));
    return file;
  }

  /** Out of its slot: what it held is nowhere to be found. */
  pull(): void {
    renameSync(this.#tokens, `${this.#tokens}-pulled`);
    mkdirSync(this.#tokens);
  }

  putBack(): void {
    rmSync(this.#tokens, { recursive: true });
    renameSync(`${this.#tokens}-pulled`, this.#tokens);
  }

  get isEmpty(): boolean {
    return readdirSync(this.#tokens).length === 0;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
