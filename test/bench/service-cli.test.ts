import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import { serveGdb } from '#main/bench/gdb/server.ts';
import { cliHere as runCli } from '#test/support/cli-here.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-service-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const objects = (lines: readonly string[]): unknown[] => lines.map((line) => JSON.parse(line));

describe('service work on the command line', () => {
  it('erases everything but what locks and configures the chip, and only when it is meant', async () => {
    const unsure = await runCli(['erase', '--probe', 'bench:nrf52840'], { home });
    expect(unsure.code).toBe(2);
    expect(unsure.stderr).toContain('--yes');
    const sure = await runCli(['erase', '--probe', 'bench:nrf52840', '--yes', '--json'], { home });
    expect(sure.code).toBe(0);
    expect(objects(sure.lines)).toEqual([{ type: 'erased', memory: 'flash', address: 0, size: 0x100000 }]);
  });

  it.each([
    ['0x10000', '100', 'pages of 4096'],
    ['0x1000000', '4k', 'no flash memory'],
    ['0x10000', '0', 'no flash memory'],
  ])('refuses %s and %s: not whole pages of a memory', async (address, size, says) => {
    const args = ['erase', '--probe', 'bench:nrf52840', '--address', address, '--size', size, '--yes'];
    const end = await runCli(args, { home });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(says);
  });

  it('fails a unit that keeps its bits, with the address', async () => {
    const probe = 'bench:nrf52840?fault=stuck-bit@0x2000.3';
    const args = ['erase', '--probe', probe, '--address', '0x2000', '--size', '4k', '--yes', '--json'];
    const end = await runCli(args, { home });
    expect(end.code).toBe(1);
    expect(objects(end.lines)).toMatchObject([{ type: 'failed', code: 'verify-mismatch', where: { address: 0x2000 } }]);
  });

  it('erases what bench serve offers to debuggers, which takes its time for whoever waits', async () => {
    const board = createBench({ startAt: 0, seed: 1 }).boardFor('nrf51822', 'A');
    const server = await serveGdb({ board, port: 0, realMs: () => performance.now() });
    for (let address = 0; address < 0x800; address += 4) board.chip.preload(address, 0);
    const probe = `gdb:tcp:127.0.0.1:${server.port}`;
    const args = ['erase', '--chip', 'nrf51822', '--probe', probe, '--address', '0', '--size', '2k', '--yes', '--json'];
    const end = await runCli(args, { home });
    await server.close();
    expect(objects(end.lines)).toEqual([{ type: 'erased', memory: 'flash', address: 0, size: 0x800 }]);
    expect([board.chip.peek(0), board.chip.peek(0x7fc)]).toEqual([0xffff_ffff, 0xffff_ffff]);
  });

  it('resets a unit, once it is the chip that was meant', async () => {
    const end = await runCli(['reset', '--probe', 'bench:nrf52840', '--json'], { home });
    expect(end.code).toBe(0);
    expect(objects(end.lines)).toEqual([{ type: 'reset', chip: 'nrf52840' }]);
    const other = await runCli(['reset', '--probe', 'bench:nrf52840?fault=wrong-chip'], { home });
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('wrong-chip');
  });
});
