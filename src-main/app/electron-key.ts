import type { SafeStorage } from 'electron';
import type { Clock } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { KeySeal } from '../log/key-store.ts';

export type SafeStorageParts = Pick<
  SafeStorage,
  'isAsyncEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptStringAsync' | 'decryptStringAsync'
>;

export interface ElectronSealOptions {
  readonly safeStorage: SafeStorageParts;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
}

/** A key store may ask its user for a password; nobody stands there at a station that starts by itself. */
const ANSWER_MS = 15_000;

/**
 * Electron's door to Keychain, DPAPI or libsecret/KWallet; null where there is none. On Linux without a desktop's key store
 * Electron would encrypt with a password that stands in its source (`basic_text`): that is no seal.
 */
export async function electronSeal({ safeStorage, platform, clock }: ElectronSealOptions): Promise<KeySeal | null> {
  const inTime = <T>(work: Promise<T>) => withDeadline(work, clock);
  if (!(await inTime(safeStorage.isAsyncEncryptionAvailable()))) return null;
  if (platform === 'linux' && ['basic_text', 'unknown'].includes(safeStorage.getSelectedStorageBackend())) return null;
  return {
    seal: (text) => inTime(safeStorage.encryptStringAsync(text)),
    async open(sealed) {
      const { result, shouldReEncrypt } = await inTime(safeStorage.decryptStringAsync(Buffer.from(sealed)));
      return { text: result, again: shouldReEncrypt };
    },
  };
}

async function withDeadline<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(ANSWER_MS, done.signal).then(() => {
    const detail = `the operating system’s key store did not answer in ${ANSWER_MS / 1000} s`;
    throw new FlashlineError('key-unavailable', { params: { detail } });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
    late.catch(() => undefined);
  }
}
