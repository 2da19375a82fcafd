import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { afterAll, expect, test } from 'vitest';
import * as commands from '#main/programmer/atecc/commands.ts';
import { fromHex } from '#shared/base/bytes.ts';
import { AteccRig, configImage } from '#test/bench/atecc-rig.ts';
import { requirePrograms } from '#test/support/programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-atecc-openssl-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);

function openssl(args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function pemOf(sec1: Uint8Array): string {
  const part = (from: number) => Buffer.from(sec1.subarray(from, from + 32)).toString('base64url');
  const key = { kty: 'EC', crv: 'P-256', x: part(1), y: part(33) };
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
}

/** r and s as OpenSSL takes them (X9.62 ECDSA-Sig-Value). */
function derOf(signature: Uint8Array): Uint8Array {
  const integer = (value: Uint8Array) => {
    const start = value.findIndex((byte) => byte !== 0);
    const lean = value.subarray(start);
    const bytes = (lean[0] ?? 0) >= 0x80 ? [0, ...lean] : [...lean];
    return [0x02, bytes.length, ...bytes];
  };
  const content = [...integer(signature.subarray(0, 32)), ...integer(signature.subarray(32))];
  return Uint8Array.from([0x30, content.length, ...content]);
}

test.skipIf(!requirePrograms(['openssl']))(
  'OpenSSL verifies what the element signed with the key that the record has, and the element what OpenSSL signed',
  async () => {
    const rig = new AteccRig();
    const { states } = await rig.run([configImage()], {
      keys: [{ slot: 0 }],
      locks: [{ step: 'atecc-config' }, { step: 'atecc-data' }],
    });
    const { unit, io } = await rig.open();
    const message = new TextEncoder().encode('made in a plant');
    writeFileSync(path('message'), message);
    await unit.session.done(commands.nonce(sha256(message)), io);
    writeFileSync(path('signature'), derOf(await unit.session.data(commands.sign(0), io)));
    writeFileSync(path('public.pem'), pemOf(fromHex(states?.keys['key 0'] ?? '')));
    const told = openssl([
      'dgst',
      '-sha256',
      '-verify',
      path('public.pem'),
      '-signature',
      path('signature'),
      path('message'),
    ]);
    expect(told).toContain('Verified OK');

    openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path('private.pem')]);
    openssl(['dgst', '-sha256', '-sign', path('private.pem'), '-out', path('theirs'), path('message')]);
    const der = openssl(['asn1parse', '-inform', 'DER', '-in', path('theirs')]);
    const [r = '', s = ''] = [...der.matchAll(/INTEGER\s+:([0-9A-F]+)/gu)].map(([, digits]) => digits);
    const text = openssl(['ec', '-in', path('private.pem'), '-pubout', '-text', '-noout']);
    const point = /pub:\s+([0-9a-f:\s]+?)\s+ASN1/u.exec(text)?.[1]?.replaceAll(/[:\s]/gu, '') ?? '';
    const signature = fromHex(r.padStart(64, '0') + s.padStart(64, '0'));
    await unit.session.done(commands.verify(signature, fromHex(point).subarray(1)), io);
  },
);
