import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { type CertificateOrder, makeDeviceCertificate } from '#shared/contract/plant/make-certificate.ts';
import { realRandom } from '#main/app/real-clock.ts';

/** An issuer of device certificates with its key in the test's hand. */
export class DeviceCa {
  readonly publicKey: Uint8Array;
  readonly #scalar: Uint8Array;
  #certificate = new Uint8Array();

  private constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.publicKey = spkiOf(publicKey);
    this.#scalar = new Uint8Array(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));
  }

  static async make(): Promise<DeviceCa> {
    const ca = new DeviceCa();
    const own = { issuer: null, publicKey: ca.publicKey, subject: { commonName: 'Example Signer C0FE' }, years: 0 };
    ca.#certificate = new Uint8Array(await ca.#made(own));
    return ca;
  }

  get pem(): string {
    return new X509Certificate(this.#certificate).toString();
  }

  issue(publicKey: Uint8Array, serial: string, years = 20): Promise<Uint8Array> {
    return this.#made({ issuer: this.#certificate, publicKey, subject: { commonName: serial }, years });
  }

  #made(order: Pick<CertificateOrder, 'issuer' | 'publicKey' | 'subject' | 'years'>): Promise<Uint8Array> {
    const common = {
      algorithm: 'ecdsa-p256-sha256',
      now: new Date('2026-03-01T08:30:00Z'),
      random: realRandom,
    } as const;
    return makeDeviceCertificate({ ...common, ...order }, async (digest) =>
      p256.sign(digest, this.#scalar, { prehash: false }),
    );
  }
}

export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
}
