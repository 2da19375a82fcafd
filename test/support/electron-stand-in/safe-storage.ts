import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StandInApp } from './app.ts';
import type { Shape } from './shape.ts';

type Backend = ReturnType<Electron.SafeStorage['getSelectedStorageBackend']>;

type SafeStorageShape = Shape<
  Electron.SafeStorage,
  'isAsyncEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptStringAsync' | 'decryptStringAsync'
>;

const NONCE = 12;
const TAG = 16;

/** Encrypts with a key a profile (AES-256-GCM): what one user's key store sealed, another's refuses, and so it does when it was changed. */
export class StandInSafeStorage implements SafeStorageShape {
  readonly #app: Pick<StandInApp, 'isReady' | 'getPath' | 'commandLine'>;

  constructor(app: Pick<StandInApp, 'isReady' | 'getPath' | 'commandLine'>) {
    this.#app = app;
  }

  async isAsyncEncryptionAvailable(): Promise<boolean> {
    return this.#app.isReady();
  }

  /** By Chromium's own switch, as in Electron. */
  getSelectedStorageBackend(): Backend {
    if (!this.#app.isReady()) return 'unknown';
    return this.#app.commandLine.getSwitchValue('password-store') === 'basic' ? 'basic_text' : 'gnome_libsecret';
  }

  async encryptStringAsync(plainText: string): Promise<Buffer> {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#key(), nonce);
    const text = Buffer.concat([cipher.update(plainText, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]);
  }

  async decryptStringAsync(encrypted: Buffer): Promise<Electron.DecryptStringAsyncReturnValue> {
    const decipher = createDecipheriv('aes-256-gcm', this.#key(), encrypted.subarray(0, NONCE));
    decipher.setAuthTag(encrypted.subarray(NONCE, NONCE + TAG));
    const text = Buffer.concat([decipher.update(encrypted.subarray(NONCE + TAG)), decipher.final()]);
    return { result: text.toString('utf8'), shouldReEncrypt: false };
  }

  #key(): Buffer {
    const file = join(this.#app.getPath('userData'), 'safe-storage.key');
    if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600 });
    return readFileSync(file);
  }
}
