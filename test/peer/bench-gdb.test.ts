import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import { serveGdb } from '#main/bench/gdb/server.ts';
import type { TcpServer } from '#main/bench/tcp-server.ts';
import type { Board } from '#main/bench/board.ts';
import { Prng } from '#main/bench/prng.ts';
import { requirePrograms } from '#test/support/programs.ts';

const run = promisify(execFile);

const LINKER_SCRIPT = `
SECTIONS {
  .vectors 0x00000000 : { KEEP(*(.vectors)) }
  .text 0x00001000 : { *(.text*) *(.rodata*) }
  .uicr 0x10001080 : { KEEP(*(.uicr)) }
}
`;

/** A firmware whose every byte matters: odd lengths, a gap, and user registers. */
function source(payload: Uint8Array): string {
  return `
    typedef unsigned int word;
    const unsigned char payload[${payload.length}] = {${payload.join(',')}};
    void reset(void) { for (;;) *(volatile word *)0x20000000 = payload[*(volatile word *)0x20000004 % ${payload.length}]; }
    __attribute__((section(".vectors"), used)) const word vectors[2] = { 0x20010000, (word)reset };
    __attribute__((section(".uicr"), used)) const word customer[3] = { 0xfeedf00d, 0x12345678, 0xffffffff };
  `;
}

describe.skipIf(!requirePrograms(['gdb-multiarch', 'arm-none-eabi-gcc']))('gdb drives the bench chip', () => {
  let folder: string;
  let elf: string;
  let board: Board;
  let server: TcpServer;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-bench-gdb-'));
    elf = join(folder, 'firmware.elf');
    const payload = new Uint8Array(9_001);
    new Prng(3).scramble(payload);
    writeFileSync(join(folder, 'firmware.c'), source(payload));
    writeFileSync(join(folder, 'firmware.ld'), LINKER_SCRIPT);
    const flags = ['-mcpu=cortex-m4', '-mthumb', '-Os', '-nostdlib', '-ffreestanding', '-Wl,-e,reset'];
    execFileSync('arm-none-eabi-gcc', [
      ...flags,
      '-T',
      join(folder, 'firmware.ld'),
      '-o',
      elf,
      join(folder, 'firmware.c'),
    ]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    board = createBench({ startAt: 0, seed: 5 }).boardFor('nrf52840', 'GDB1');
    server = await serveGdb({ board, port: 0, realMs: () => performance.now() });
  });

  afterEach(() => server.close());

  /** Everything that gdb prints for these commands. */
  async function gdb(...commands: string[]): Promise<string> {
    const all = ['set confirm off', 'set architecture armv7e-m', `target remote 127.0.0.1:${server.port}`, ...commands];
    const { stdout, stderr } = await run(
      'gdb-multiarch',
      ['-nx', '-batch', elf, ...all.flatMap((command) => ['-ex', command])],
      { timeout: 60_000 },
    );
    return stdout + stderr;
  }

  it('loads an ELF by vFlash and finds every section again', async () => {
    const printed = await gdb('load', 'compare-sections');
    expect(printed).toMatch(/Section \.vectors.*: matched/);
    expect(printed).toMatch(/Section \.text.*: matched/);
    expect(printed).toMatch(/Section \.uicr.*: matched/);
    expect(printed).not.toMatch(/MIS-MATCHED|[Ee]rror/);
    expect(board.chip.peek(0x10001084)).toBe(0x12345678);
    expect(board.report().overwrittenWords).toEqual([]);
  });

  it('a second load of other content erases first', async () => {
    board.chip.preload(0x1000, 0);
    const printed = await gdb('load', 'compare-sections');
    expect(printed).toMatch(/Section \.text.*: matched/);
  });

  it('without write enable a word stays; with it bits only fall; erasing needs its own enable', async () => {
    const word = (address: number) => `output/x *(unsigned *)${address}`;
    const line = 'echo \\n';
    const printed = await gdb(
      'delete mem',
      'mem 0 0 rw',
      'set *(unsigned *)0x8000 = 0',
      word(0x8000),
      line,
      'set *(unsigned *)0x4001E504 = 1',
      'set *(unsigned *)0x8000 = 0xF0F0FFFF',
      'set *(unsigned *)0x8000 = 0xFF00FFFE',
      word(0x8000),
      line,
      'set *(unsigned *)0x4001E508 = 0x8000',
      word(0x8000),
      line,
      'set *(unsigned *)0x4001E504 = 2',
      'set *(unsigned *)0x4001E508 = 0x8000',
      word(0x4001e400),
      line,
      word(0x8000),
      line,
      word(0x4001e400),
      line,
    );
    const values = printed.split('\n').filter((text) => /^0x[0-9a-f]+$/.test(text));
    expect(values).toEqual(['0xffffffff', '0xf000fffe', '0xf000fffe', '0x0', '0xffffffff', '0x1']);
  });

  it('a byte write to flash is a bus fault, and registers keep what they are given', async () => {
    const printed = await gdb(
      'delete mem',
      'mem 0 0 rw',
      'set *(unsigned *)0x4001E504 = 1',
      'set *(unsigned char *)0x8001 = 0',
      'set $r3 = 0xabcdef01',
      'set $pc = 0x1234',
      'print/x $r3',
      'print/x $pc',
      'monitor reset halt',
    );
    expect(printed).toMatch(/Cannot access memory at address 0x8001/);
    expect(printed).toMatch(/= 0xabcdef01/);
    expect(printed).toMatch(/= 0x1234/);
  });

  it('code in RAM executes: by the instruction, up to a breakpoint, and until it is stopped', async () => {
    const printed = await gdb(
      'delete mem',
      'mem 0 0 rw',
      // movs r0, #5; adds r0, #1; nop; b . - 4
      'set *(unsigned *)0x20000000 = 0x30012005',
      'set *(unsigned *)0x20000004 = 0xe7fcbf00',
      'set $pc = 0x20000000',
      'set $xpsr = 0x01000000',
      'stepi',
      'print/x $r0',
      'print/x $pc',
      // The comparators do not reach RAM.
      'break *0x20000004',
      'ignore 1 9',
      'continue',
      'print/x $r0',
    );
    expect(printed).toMatch(/\$1 = 0x5/);
    expect(printed).toMatch(/\$2 = 0x20000002/);
    expect(printed).toMatch(/Breakpoint 1, 0x20000004/);
    expect(printed).toMatch(/\$3 = 0xf/);
  });

  it('a core that runs stops when it is asked to, and not before', async () => {
    const socket = connect(server.port, '127.0.0.1');
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
    const send = (body: string) => {
      const sum = [...Buffer.from(body)].reduce((total, byte) => total + byte, 0) & 0xff;
      socket.write(`+$${body}#${sum.toString(16).padStart(2, '0')}`);
    };
    // b .
    send('M20000000,2:fee7');
    send('Pf=00000020');
    send('P10=00000001');
    await expect.poll(() => heard.match(/OK/g)?.length).toBe(3);
    send('c');
    const begun = board.clock.elapsedNs;
    await expect.poll(() => board.clock.elapsedNs).toBeGreaterThan(begun + 20_000_000);
    expect(heard).not.toMatch(/S0/);
    socket.write('\x03');
    await expect.poll(() => heard).toMatch(/\$S02#/);
    socket.destroy();
  });

  it('garbage, damage and half packets cost their own connection at most', async () => {
    const socket = connect(server.port, '127.0.0.1');
    const heard: Buffer[] = [];
    socket.on('data', (chunk) => heard.push(chunk));
    const noise = new Uint8Array(20_000);
    new Prng(11).scramble(noise);
    for (const text of ['$m0,4#00', '$mzz,1#', '$Xffffffff,99999999:abc#00', '$vFlashWrite:#00', '$P99=#00', '$G00#a7'])
      socket.write(text);
    socket.write(noise);
    await expect.poll(() => Buffer.concat(heard).toString('latin1')).toContain('-');
    socket.destroy();
    expect(await gdb('load', 'compare-sections')).toMatch(/Section \.text.*: matched/);
  });
});
