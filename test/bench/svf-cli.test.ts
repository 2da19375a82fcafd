import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli, startCli } from '#test/support/cli.ts';
import { cpldSvf } from '#test/support/cpld-svf.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-svf-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { text, rowLines } = cpldSvf({ rows: ['0123456789ABCDEF0011223344556677', 'F'.repeat(32)] });

function svf(name: string, content: string | undefined, probe: string, ...more: string[]) {
  const file = join(folder, name);
  if (content !== undefined) writeFileSync(file, content);
  return runCli(['svf', file, '--probe', probe, ...more], { home: folder });
}

describe('flashline svf', () => {
  it('passes with 0, and says as JSON how far it is', async () => {
    const end = await svf('good.svf', text, 'bench:cpld', '--json', '--frequency', '4000000');
    expect(end).toMatchObject({ code: 0, stderr: '' });
    const events = end.lines.map((line): unknown => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: 'svf.finished', verdict: 'PASS', compared: 5 });
    expect(events[0]).toMatchObject({ type: 'svf.progress', total: text.length });
  });

  it('fails with 1 where the unit answers wrongly, and names the line', async () => {
    const end = await svf('good.svf', text, 'bench:cpld?fault=stuck-bit@0x0.3=1');
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/^FAIL/);
    expect(end.stderr).toContain(`good.svf:${rowLines[0]}`);
    expect(end.stderr).toMatch(/bit 3: expected 0011223344556677, found 001122334455667F/);
    expect(end.stderr).toContain('svf-mismatch (to act: unit)');
  });

  it('ends with 2 for a damaged or a missing file, with 3 for a probe that has no pins to offer', async () => {
    const ends = await Promise.all([
      svf('bad.svf', 'STATE IDLE;\nSDR 8 TDI (0G);\n', 'bench:cpld'),
      svf('none.svf', undefined, 'bench:cpld'),
      svf('pins.svf', text, 'gdb:tcp:127.0.0.1:1'),
    ]);
    expect(ends.map(({ code }) => code)).toEqual([2, 2, 3]);
    expect(ends[0]?.stderr).toMatch(/bad\.svf:2/);
    expect(ends[2]?.stderr).toContain('probe-unsuited');
  });
});

it('bench serve offers the pins: OpenOCD’s letters clock a reset and bring the IDCODE out', async () => {
  const serving = startCli(['bench', 'serve', '--chip', 'cpld', '--as', 'bitbang:0', '--json'], { home: folder });
  try {
    await serving.waitFor('bench.serving');
    const [, port] = /"port":(\d+)/.exec(serving.stdout()) ?? [];
    // TMS is 2, TCK is 4: five to reset, idle, Select-DR, Capture-DR, Shift-DR; then 32 bits, each read before its clock.
    const clocks = (tms: string) =>
      tms
        .split('')
        .map((level) => (level === '1' ? '26' : '04'))
        .join('');
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`${clocks('111110100')}${'R04'.repeat(32)}`);
    let heard = '';
    for await (const piece of socket.setEncoding('latin1')) {
      heard += String(piece);
      if (heard.length >= 32) break;
    }
    const idcode = heard.split('').reduce((value, bit, index) => value + Number(bit) * 2 ** index, 0);
    expect(idcode).toBe(0x1c064f4b);
  } finally {
    serving.child.kill('SIGTERM');
    await serving.ended;
  }
});
