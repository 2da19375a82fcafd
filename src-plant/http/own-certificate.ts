// The library's own dependency injection wants it, before it is loaded.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { RandomBytes } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';

export interface CertificateOrder {
  /** Names and addresses. */
  readonly hosts: readonly string[];
  readonly now: Date;
  readonly days: number;
  readonly random: RandomBytes;
}

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A self-signed server certificate (RFC 5280) as PEM, for an ECDSA P-256 key as PEM. */
export async function makeCertificate(keyPem: string, { hosts, now, days, random }: CertificateOrder): Promise<string> {
  const key = createPrivateKey(keyPem);
  const importKey = (format: 'pkcs8' | 'spki', der: Buffer, usage: 'sign' | 'verify') =>
    crypto.subtle.importKey(format, new Uint8Array(der), ALGORITHM, true, [usage]);
  const keys = {
    privateKey: await importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), 'sign'),
    publicKey: await importKey('spki', createPublicKey(keyPem).export({ type: 'spki', format: 'der' }), 'verify'),
  };
  const serial = random(16);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      // RFC 5280, 4.1.2.2: positive.
      serialNumber: `0${toHex(serial).slice(1)}`,
      name: 'CN=Flashline plant server',
      // A clock that is behind by a day still takes it.
      notBefore: new Date(now.getTime() - DAY_MS),
      notAfter: new Date(now.getTime() + (days - 1) * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(hosts.map(nameOf)),
      ],
    },
    crypto,
  );
  return `${certificate.toString('pem')}\n`;
}

function nameOf(host: string): JsonGeneralName {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host };
}
