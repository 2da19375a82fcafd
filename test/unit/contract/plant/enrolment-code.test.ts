import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { assert, boolean, nat, oneof, option, property, record, string, uint8Array } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import {
  enrolmentDigest,
  isPlantKey,
  isTlsKey,
  plantKeyPart,
  readEnrolmentCode,
  tlsKeyPart,
  writeEnrolmentCode,
} from '#shared/contract/plant/enrolment-code.ts';
import { PublicKeyJwk } from '#shared/contract/plant/common.ts';
import type { PublicKey } from '#shared/base/signer.ts';
import { FlashlineError } from '#shared/model/failure.ts';

const part = uint8Array({ minLength: 10, maxLength: 10 });
const codes = record({
  secret: part,
  plantKey: part,
  tlsKey: option(
    part.filter((bytes) => bytes.some((byte) => byte !== 0)),
    { nil: null },
  ),
});
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function makeKey(): { jwk: PublicKey; raw: Buffer; spki: Buffer } {
  const { publicKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { jwk: PublicKeyJwk.parse(publicKey.export({ format: 'jwk' })), raw: spki.subarray(-32), spki };
}

function isRefused(text: string): boolean {
  try {
    readEnrolmentCode(text);
    return false;
  } catch (thrown) {
    return thrown instanceof FlashlineError && thrown.failure.code === 'enrolment-refused';
  }
}

describe('enrolment codes', () => {
  it('are read as they were written, however they were typed', () => {
    assert(
      property(codes, boolean(), boolean(), (code, lower, bare) => {
        let text = writeEnrolmentCode(code);
        expect(text).toMatch(/^FL1(-[0-9A-Z*~$=]{7}){7}$/);
        if (bare)
          text = text
            .replaceAll('-', ' ')
            .replaceAll('0', 'O')
            .replaceAll(/(?<!FL)1/g, 'l');
        if (lower) text = text.toLowerCase();
        expect(readEnrolmentCode(` ${text}\n`)).toEqual(code);
      }),
    );
  });

  it('are refused when one character is wrong, or two neighbours changed places', () => {
    assert(
      property(codes, nat(47), nat(31), (code, at, symbol) => {
        const text = writeEnrolmentCode(code).replaceAll('-', '');
        const swap = (index: number, by: string) => text.slice(0, index) + by + text.slice(index + by.length);
        const place = at + 3;
        const [first, second] = [text[place] ?? '', text[place + 1] ?? ''];
        const wrong = [swap(place, SYMBOLS[symbol] ?? ''), swap(place, second + first)];
        for (const typed of wrong) expect(typed === text || isRefused(typed)).toBe(true);
      }),
    );
  });

  it('are refused with a reason, whatever text comes', () => {
    const texts = oneof(
      string(),
      string().map((text) => `FL1-${text}`),
    );
    expect(() => assert(property(texts, isRefused))).not.toThrow();
  });

  it('name the plant’s key and the TLS key by the digests that Node’s own crypto makes', () => {
    const plant = makeKey();
    const tls = makeKey();
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
    const secret = new Uint8Array(randomBytes(10));
    const code = { secret, plantKey: plantKeyPart(plant.jwk), tlsKey: tlsKeyPart(tls.spki) };
    expect(Buffer.from(code.plantKey)).toEqual(digest(plant.raw).subarray(0, 10));
    expect(Buffer.from(code.tlsKey)).toEqual(digest(tls.spki).subarray(0, 10));
    expect(enrolmentDigest(code)).toBe(createHash('sha256').update(secret).digest('hex'));
    const read = readEnrolmentCode(writeEnrolmentCode(code));
    expect([isPlantKey(read, plant.jwk), isPlantKey(read, tls.jwk)]).toEqual([true, false]);
    expect([isTlsKey(read, tls.spki), isTlsKey(read, plant.spki)]).toEqual([true, false]);
    expect(isTlsKey({ ...read, tlsKey: null }, plant.spki)).toBe(true);
  });
});
