import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cliHere } from '#test/support/cli-here.ts';
import { requirePrograms } from '#test/support/programs.ts';

const DEMO = 'resources/demo/hello-nrf52840';
const KeyFile = z.object({ private: z.string() });
const PYTHON = '/usr/bin/python3';

describe.skipIf(!requirePrograms(['openssl', 'unzip', 'python3', 'age']))('packs in the hands of others', () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'flashline-pack-'));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const at = (name: string) => join(home, name);
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' });
  const cli = async (...args: string[]) => (await cliHere(args, { home })).code;

  /** A pack signed by a key that OpenSSL made, and unzipped by unzip. */
  async function packBy(name: string, algorithm: readonly string[]): Promise<string> {
    run('openssl', 'genpkey', ...algorithm, '-out', at(`${name}.pem`));
    run('openssl', 'pkey', '-in', at(`${name}.pem`), '-pubout', '-out', at(`${name}.pub`));
    const file = at(`${name}.flashpack`);
    expect(await cli('release', 'build', DEMO, '--key', at(`${name}.pem`), '--out', file)).toBe(0);
    run('unzip', '-q', file, '-d', at(name));
    return file;
  }

  /** What a JWS signs, and its signature as it stands (RFC 7515, 5.1 and appendix F). */
  function signedParts(name: string): { readonly input: string; readonly signature: Buffer } {
    const manifest = readFileSync(join(at(name), 'manifest.json'));
    const [header = '', , signature = ''] = readFileSync(join(at(name), 'manifest.jws'), 'utf8').split('.');
    writeFileSync(at(`${name}.input`), `${header}.${manifest.toString('base64url')}`);
    return { input: at(`${name}.input`), signature: Buffer.from(signature, 'base64url') };
  }

  it('unzip and Python read every part as it was', async () => {
    const file = await packBy('read', ['-algorithm', 'ed25519']);
    expect(run('unzip', '-t', file)).toContain('No errors detected');
    const script = `
import hashlib, json, sys, zipfile
pack = zipfile.ZipFile(sys.argv[1])
assert pack.testzip() is None
manifest = json.loads(pack.read("manifest.json"))
assert json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode() == pack.read("manifest.json")
for part in manifest["parts"]:
    data = pack.read(part["path"])
    assert len(data) == part["size"] and hashlib.sha256(data).hexdigest() == part["sha256"], part
print(" ".join(part["path"] for part in manifest["parts"]))`;
    expect(run(PYTHON, '-c', script, file).trim()).toBe('recipe.yaml hello.hex');
    for (const part of ['recipe.yaml', 'hello.hex'])
      expect(readFileSync(join(at('read'), part))).toEqual(readFileSync(join(DEMO, part)));
  });

  it('OpenSSL verifies an Ed25519 signature, and refuses it over another manifest', async () => {
    await packBy('ed', ['-algorithm', 'ed25519']);
    const { input, signature } = signedParts('ed');
    writeFileSync(at('ed.sig'), signature);
    const verify = () =>
      run(
        'openssl',
        'pkeyutl',
        '-verify',
        '-pubin',
        '-inkey',
        at('ed.pub'),
        '-rawin',
        '-in',
        input,
        '-sigfile',
        at('ed.sig'),
      );
    expect(verify()).toContain('Verified Successfully');
    writeFileSync(input, readFileSync(input, 'utf8').replace(/.$/, 'A'));
    expect(verify).toThrow('Command failed');
  });

  it('OpenSSL verifies an ECDSA signature, brought from r and s into its DER', async () => {
    await packBy('ec', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const { input, signature } = signedParts('ec');
    const hex = [signature.subarray(0, 32), signature.subarray(32)].map((half) => half.toString('hex'));
    writeFileSync(at('ec.cnf'), `asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x${hex[0]}\ns=INTEGER:0x${hex[1]}\n`);
    run('openssl', 'asn1parse', '-genconf', at('ec.cnf'), '-noout', '-out', at('ec.sig'));
    expect(run('openssl', 'dgst', '-sha256', '-verify', at('ec.pub'), '-signature', at('ec.sig'), input)).toContain(
      'Verified OK',
    );
  });

  it('age opens what was encrypted for a station, and a station what age encrypted', async () => {
    const file = await packBy('sealed', ['-algorithm', 'ed25519']);
    const { lines } = await cliHere(['release', 'recipient'], { home });
    const [recipient = ''] = lines;
    const build = ['release', 'build', DEMO, '--key', at('sealed.pem'), '--recipient', recipient];
    expect(await cli(...build, '--out', at('ours.flashpack'))).toBe(0);
    const { private: identity } = KeyFile.parse(JSON.parse(readFileSync(at('keys/station.age'), 'utf8')));
    writeFileSync(at('identity'), identity);
    run('age', '--decrypt', '-i', at('identity'), '-o', at('opened.zip'), at('ours.flashpack'));
    expect(readFileSync(at('opened.zip'))).toEqual(readFileSync(file));
    run('age', '--recipient', recipient, '-o', at('theirs.flashpack'), file);
    expect(await cli('release', 'verify', at('theirs.flashpack'), '--key', at('sealed.pub'))).toBe(0);
  });

  it('a zip that unzip finds whole but somebody else made is no pack of ours', async () => {
    const file = await packBy('again', ['-algorithm', 'ed25519']);
    const script = `
import sys, zipfile
old = zipfile.ZipFile(sys.argv[1])
with zipfile.ZipFile(sys.argv[2], "w", zipfile.ZIP_DEFLATED) as new:
    for name in old.namelist():
        new.writestr(name, old.read(name) if name != sys.argv[3] else old.read(name) + b"\\n")`;
    // Packed anew with the same parts it is the same release: the signature is over them, not over the zip.
    run(PYTHON, '-c', script, file, at('same.flashpack'), '');
    expect(await cli('release', 'verify', at('same.flashpack'), '--key', at('again.pub'))).toBe(0);
    for (const part of ['manifest.json', 'recipe.yaml', 'hello.hex']) {
      run(PYTHON, '-c', script, file, at('other.flashpack'), part);
      expect(run('unzip', '-t', at('other.flashpack'))).toContain('No errors');
      expect(await cli('release', 'verify', at('other.flashpack'), '--key', at('again.pub'))).toBe(2);
    }
  });
});
