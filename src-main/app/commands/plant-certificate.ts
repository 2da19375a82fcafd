import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { z } from 'zod';
import type { PublicKey } from '#shared/base/signer.ts';
import { MAX_CERTIFICATE_TEXT } from '#shared/contract/plant/certificate-text.ts';
import { checkCertificate, type CheckedText } from '#shared/contract/plant/check-certificate.ts';
import { PublicKeyJwk } from '#shared/contract/plant/common.ts';
import type { Certificate, CertificateVerdict } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';

interface VerifyOptions extends CommonOptions {
  readonly key: readonly string[];
}

/** Certificates outlive plants: this one needs no server and no network. */
export function plantCertificate(context: CliContext, end: (code: ExitCode) => void): Command {
  const verify = command('verify', 'whether a certificate is what a plant signed, and what it says; asks no server', [
    'plant certificate verify certificate-hello-HB000001.jws --key 3q2-7w...',
    'plant certificate verify certificate.jws --key plant-key.pem --json',
  ])
    .argument('<file>', 'the signed text, also with a mail or a page around it')
    .requiredOption(
      '--key <key...>',
      'the plant’s public key as its certificates print it, or a file with it (text, JWK or PEM); several for one that had others before',
    )
    .addHelpText('after', '\nEnds with 0 authentic, 1 not authentic, 2 no readable certificate.')
    .action(async (file: string, options: VerifyOptions) => {
      const keys = await Promise.all(options.key.map(keyOf));
      const checked = await checkCertificate(await textOf(file), keys);
      if (options.json) context.print(JSON.stringify({ type: 'certificate.checked', file, ...publicPart(checked) }));
      else for (const line of linesOf(checked)) context.print(line);
      end(EXIT[checked.verdict]);
    });
  return withExamples(new Command('certificate'), ['plant certificate verify certificate.jws --key 3q2-7w...'])
    .description('certificates of what is on a unit')
    .addCommand(verify);
}

const EXIT: Readonly<Record<CertificateVerdict, 0 | 1 | 2>> = {
  authentic: 0,
  changed: 1,
  'other-key': 1,
  'other-statement': 1,
  newer: 1,
  empty: 2,
  'too-large': 2,
  'other-file': 2,
  truncated: 2,
  'no-certificate': 2,
};

const WORDS: Readonly<Record<CertificateVerdict, string>> = {
  authentic: 'AUTHENTIC: it is what the plant signed, unchanged.',
  changed: 'NOT AUTHENTIC: it names this key, and is not what this key signed. It was changed since.',
  'other-key': 'NOT AUTHENTIC by this key: it is signed by another one.',
  'other-statement': 'NOT A CERTIFICATE: the plant signed it, but not as a certificate.',
  newer: 'The plant signed it, but a newer Flashline is needed to read it.',
  empty: 'UNREADABLE: there is no text.',
  'too-large': 'UNREADABLE: it is far larger than any certificate.',
  'other-file': 'UNREADABLE: a web page or another kind of file, not the signed text. Ask for the signed text (.jws).',
  truncated: 'UNREADABLE: a part of the signed text is missing. Copy all of it, from eyJ to the end.',
  'no-certificate': 'UNREADABLE: there is no signed text in it.',
};

function publicPart({ verdict, key, namedKey, says }: CheckedText): object {
  const isAuthentic = verdict === 'authentic';
  return { verdict, key, namedKey, certificate: isAuthentic ? says : null, claims: isAuthentic ? null : says };
}

function linesOf({ verdict, key, namedKey, says }: CheckedText): string[] {
  const told = verdict === 'authentic' ? 'What it states:' : 'What it states, UNPROVEN:';
  return [
    WORDS[verdict],
    ...(key === null ? [] : [`  Signed by  ${key.x} (${key.id})`]),
    ...(key === null && namedKey !== null ? [`  It names the key ${printable(namedKey)}`] : []),
    ...(says === null ? [] : [told, ...statedLines(says)]),
  ];
}

function statedLines(says: Certificate): string[] {
  const { product, record } = says;
  const locks = Object.entries(says.locks).map(([name, value]) => `${name} = ${value}`);
  const facts: readonly (readonly [string, string])[] = [
    ['plant', says.plant],
    ['serial', says.serial],
    ['product', `${product.name} (${product.id}), revision ${product.revision}`],
    ['uid', says.uid ?? 'none'],
    ['chip', says.chip],
    ...says.images.map(
      ({ role, version, size, sha256 }) => [role, `${version}, ${size} bytes, sha256 ${sha256}`] as const,
    ),
    ['keys', says.signingKeys.join(', ') || 'not signed'],
    ['locks', locks.join(', ') || 'none'],
    ['passed', `${says.finishedAt} at station ${says.station}`],
    ['release', says.release],
    ['record', `${record.sequence} ${record.hash}`],
    ['issued', says.issuedAt],
  ];
  return facts.map(([name, value]) => `  ${name.padEnd(12)} ${printable(value)}`);
}

/** What a forger wrote must not move the cursor of who reads it. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}

/** Of a larger file no more than shows that it is too large. */
async function textOf(file: string): Promise<string> {
  if (!existsSync(file)) throw new FlashlineError('file-missing', { params: { file } });
  try {
    const handle = await open(file);
    try {
      const bytes = Buffer.alloc(MAX_CERTIFICATE_TEXT * 4 + 1);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      return bytes.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new FlashlineError('file-unreadable', { params: { file }, cause });
  }
}

const OfPlant = z.object({ publicKey: PublicKeyJwk });

async function keyOf(given: string): Promise<PublicKey> {
  const typed = keyIn(given);
  if (typed !== null) return typed;
  if (!existsSync(given)) throw noKey(given);
  const text = await readFile(given, 'utf8').catch((cause: unknown) => {
    throw new FlashlineError('file-unreadable', { params: { file: given }, cause });
  });
  const found = keyIn(text) ?? pemKey(text);
  if (found === null) throw noKey(given);
  return found;
}

/** As a certificate prints it, as a JSON Web Key, or as GET /api/v1/plant answers it. */
function keyIn(text: string): PublicKey | null {
  const plain = PublicKeyJwk.safeParse({ kty: 'OKP', crv: 'Ed25519', x: text.trim() });
  if (plain.success) return plain.data;
  try {
    const json: unknown = JSON.parse(text);
    return PublicKeyJwk.safeParse(json).data ?? OfPlant.safeParse(json).data?.publicKey ?? null;
  } catch {
    return null;
  }
}

function pemKey(text: string): PublicKey | null {
  try {
    return PublicKeyJwk.parse(createPublicKey(text).export({ format: 'jwk' }));
  } catch {
    return null;
  }
}

function noKey(given: string): FlashlineError {
  const detail = `--key wants an Ed25519 public key (43 characters, as a certificate prints it) or a file with one, not ${given.slice(0, 80)}`;
  return new FlashlineError('usage', { params: { detail } });
}
