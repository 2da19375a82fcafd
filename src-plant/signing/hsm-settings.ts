import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';

/** Where the plant's signing keys are; the file that `--hsm` names. */
const HsmFile = z.strictObject({
  /** The vendor's PKCS #11 library. */
  module: z.string().min(1),
  /** The token's label. */
  token: z.string().min(1).max(32),
  /** Relative to this file; without it the PIN is taken from $FLASHLINE_HSM_PIN. */
  pinFile: z.string().optional(),
  /** Of the library: SoftHSM's SOFTHSM2_CONF, YubiHSM's YUBIHSM_PKCS11_CONF. */
  environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).default({}),
});

export interface HsmSettings {
  readonly module: string;
  readonly token: string;
  readonly pin: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Throws `file-missing` or `usage`; never quotes the PIN. */
export function readHsmFile(file: string, env: Readonly<Record<string, string | undefined>>): HsmSettings {
  const parsed = HsmFile.safeParse(yamlOf(file));
  if (!parsed.success) {
    const detail = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw usage(`${file}: ${detail}`);
  }
  const { module, token, pinFile, environment } = parsed.data;
  const pin = pinFile === undefined ? env['FLASHLINE_HSM_PIN'] : readPin(resolve(dirname(file), pinFile));
  if (pin === undefined || pin === '') throw usage(`${file} names no pinFile, and $FLASHLINE_HSM_PIN is not set`);
  return { module, token, pin, environment };
}

function readPin(file: string): string {
  const text = readText(file).trim();
  if (process.platform !== 'win32' && (statSync(file).mode & 0o007) !== 0)
    throw usage(`${file}: everybody on this computer may read it: chmod 600`);
  if (text === '') throw usage(`${file} is empty`);
  return text;
}

function yamlOf(file: string): unknown {
  const text = readText(file);
  try {
    return parse(text);
  } catch {
    // What a parser says of a file may quote the file.
    throw usage(`${file} is no YAML`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FlashlineError('file-missing', { params: { file }, cause });
  }
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
