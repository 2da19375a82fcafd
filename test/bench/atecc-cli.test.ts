import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RunEvent } from '#shared/model/run-event.ts';
import { runCli } from '#test/support/cli.ts';
import { productConfig } from './atecc-rig.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-atecc-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = `
keys:
  - { slot: 0 }
locks:
  - { step: atecc-config }
  - { step: atecc-data }
`;

function release(address = 0x10): string {
  writeFileSync(join(folder, 'config.bin'), productConfig().subarray(0x10));
  const recipe = join(folder, `recipe-${address}.yaml`);
  writeFileSync(
    recipe,
    `schema: 1
product: { id: secure-element, revision: A, name: Secure element }
chip: atecc608b
interface: i2c
images:
  - { role: manufacturing, file: config.bin, version: 1.0.0, address: ${address} }
serial: { pattern: '^SE[0-9]{6}$' }
${STEPS}`,
  );
  return recipe;
}

const flash = (more: readonly string[], recipe = release()) =>
  runCli(['flash', '--release', recipe, '--serial', 'SE000001', '--probe', 'bench:atecc608b', ...more], { home });

describe('a secure element on the command line', () => {
  it('is locked as the last step before start; its record has what was observed, and the public key', async () => {
    const end = await flash(['--json']);
    expect(end.code).toBe(0);
    const events = end.lines.map((text) => RunEvent.parse(JSON.parse(text)));
    const steps = events.flatMap((event) => (event.type === 'step.started' ? [event.step] : []));
    expect(steps).toEqual(['connect', 'identify', 'survey', 'program', 'verify', 'lock', 'start', 'record']);
    expect(events.at(-1)).toMatchObject({
      verdict: 'PASS',
      record: {
        uid: expect.stringMatching(/^0123[0-9a-f]{12}ee$/),
        locks: { LockConfig: '0x00', LockValue: '0x00', SlotLocked: '0xFFFF' },
        keys: { 'key 0': expect.stringMatching(/^04[0-9a-f]{128}$/) },
        reach: { protocol: 'i2c' },
      },
    });
  });

  it('shows its steps of no return in a dry run, behind every read-back', async () => {
    const { code, stdout } = await flash(['--dry-run']);
    expect(code).toBe(0);
    const steps = stdout.split('\n').flatMap((text) => /^ +\d+ +(\S+)/u.exec(text)?.[1] ?? []);
    expect(steps.lastIndexOf('verify')).toBeLessThan(steps.indexOf('lock'));
    expect(stdout).toMatch(/lock +configuration zone: for good, must then be locked\n.*key 0.*\n.*data zone/u);
  });

  it('that refuses a lock fails, and the record says what it was like then', async () => {
    const probe = 'bench:atecc608b?fault=lock-refused';
    const args = ['flash', '--release', release(), '--serial', 'SE000003', '--probe', probe, '--json'];
    const end = await runCli(args, { home });
    expect(end.code).toBe(1);
    expect(RunEvent.parse(JSON.parse(end.lines.at(-1) ?? ''))).toMatchObject({
      verdict: 'FAIL',
      code: 'element-refused',
      record: { failure: { where: { step: 'lock' } }, locks: { LockConfig: '0x55', LockValue: '0x55' } },
    });
  });

  it('is told in words by secure-element show', async () => {
    const { code, stdout } = await runCli(['secure-element', 'show', '--probe', 'bench:atecc608b'], { home });
    expect(code).toBe(0);
    expect(stdout).toContain('data and OTP    not locked');
    expect(stdout).toContain('P-256 private key, may be made anew, lockable');
  });
});

it('a recipe whose locks do not fit is refused with its line', async () => {
  const end = await flash(['--dry-run'], release(0x2000));
  expect(end.code).toBe(2);
  expect(end.stderr).toContain('recipe of their own');
  expect(end.stderr).toContain('recipe-invalid');
});
