import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { realClock } from '#main/app/real-clock.ts';
import { type Program, runProgram } from '#plant/commands/run-program.ts';
import type { Warden } from '#plant/commands/warden.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-program-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NEVER = new AbortController().signal;
let scripts = 0;

/** A shell script as somebody would write it, and by no shell of ours. */
function program(body: string, more: Partial<Program> = {}): Program {
  const file = join(folder, `program-${(scripts += 1)}`);
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return { run: [file], folder, environment: {}, seconds: 20, maxBytes: 4096, ...more };
}

async function run(what: Program, input = '', signal = NEVER, clock = realClock) {
  const watched: number[] = [];
  const released: number[] = [];
  const warden: Warden = {
    watch: (group) => void watched.push(group),
    release: (group) => void released.push(group),
    close: () => undefined,
  };
  const ended = await runProgram(what, input, { clock, signal, warden });
  expect(released).toEqual(watched);
  return { ...ended, group: watched[0] };
}

/** Processes of the group; one that is dead and that nobody has collected yet is none. */
function leftOf(group: number | undefined): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // After the name in brackets: state, parent, group (proc(5)).
      const [state, , ownGroup] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /su, '')
        .split(' ');
      return state !== 'Z' && Number(ownGroup) === group;
    } catch {
      return false;
    }
  });
}
const allGone = (group: number | undefined) => expect.poll(() => leftOf(group), { interval: 10 }).toEqual([]);

const textOf = (ended: { readonly data?: Uint8Array }) => new TextDecoder().decode(ended.data);

describe('a program', () => {
  it('is told of the unit on its standard input, and gives bytes, whatever they are', async () => {
    const given = await run(program('cat'), '{"serial":"HB1"}\n');
    expect([given.end, textOf(given as never)]).toEqual(['gave', '{"serial":"HB1"}\n']);
    const raw = await run(program(String.raw`printf '\377\376\000\001\200'`));
    expect(raw).toMatchObject({ end: 'gave', data: Uint8Array.of(255, 254, 0, 1, 128) });
  });

  it('is run without a shell: its arguments are what they are', async () => {
    const nasty = ['$(id)', '; rm -rf x', '`id`', '*', 'a b', '', "it's"];
    const each = program(`for each in "$@"; do printf '<%s>' "$each"; done`);
    const given = await run({ ...each, run: [...each.run, ...nasty] });
    expect(textOf(given as never)).toBe(nasty.map((text) => `<${text}>`).join(''));
  });

  it('has its folder, and nothing of the server’s environment', async () => {
    process.env['FLASHLINE_HSM_PIN'] = 'top secret';
    try {
      const given = await run(program('pwd; env | sort', { environment: { LICENCE: 'x1' } }));
      const lines = textOf(given as never)
        .trim()
        .split('\n');
      expect(lines[0]).toBe(folder);
      // What the shell itself sets is the shell's.
      const own = lines.slice(1).filter((line) => !/^(?:PWD|OLDPWD|SHLVL|_)=/.test(line));
      expect(own).toEqual(['LANG=C.UTF-8', 'LICENCE=x1', 'PATH=/usr/local/bin:/usr/bin:/bin']);
    } finally {
      delete process.env['FLASHLINE_HSM_PIN'];
    }
  });

  it('that says no by its exit code has used nothing up, and what it said is kept without secrets', async () => {
    const body = `echo "no licence for $LICENCE_KEY" >&2; printf '\\033[31m\\377' >&2; exit 3`;
    const ended = await run(program(body, { environment: { LICENCE_KEY: 'abcd-1234' } }));
    expect(ended).toMatchObject({ end: 'failed', detail: 'it ended with 3' });
    expect(ended.said).toBe('no licence for ***\n\u{FFFD}[31m\u{FFFD}');
  });

  it('that cannot be started is none', async () => {
    const gone = { ...program(''), run: [join(folder, 'nothing')] };
    expect(await run(gone)).toMatchObject({ end: 'failed', detail: expect.stringContaining('ENOENT') });
    const text = join(folder, 'text');
    writeFileSync(text, 'x', { mode: 0o644 });
    expect(await run({ ...program(''), run: [text] })).toMatchObject({ end: 'failed' });
  });

  it('that reads nothing of a long question gives its bytes all the same', async () => {
    expect(await run(program('exec 0<&-; printf x'), 'q'.repeat(300_000))).toMatchObject({ end: 'gave' });
  });
});

describe('a hostile program', () => {
  it('that never ends is ended with its time, with all that it began', async () => {
    const ended = await run(program('sleep 600 & sleep 600', { seconds: 0.2 }));
    expect(ended).toMatchObject({ end: 'lost', detail: 'it was ended after 0.2 s' });
    await allGone(ended.group);
    expect(ended.ms).toBeLessThan(15_000);
  });

  it('that does not hear SIGTERM is killed', async () => {
    const ended = await run(program(`trap '' TERM; while :; do sleep 600; done`, { seconds: 0.2 }));
    expect(ended).toMatchObject({ end: 'lost', detail: 'it was ended after 0.2 s' });
    await allGone(ended.group);
  });

  it('that prints without end is ended at once, and no more of it is kept than it may give', async () => {
    const before = process.memoryUsage().rss;
    const ended = await run(program('exec head -c 100000000 /dev/zero', { maxBytes: 65_536 }));
    expect(ended).toMatchObject({ end: 'lost', detail: 'it gave more than 65536 bytes' });
    await allGone(ended.group);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    expect(await run(program('head -c 65536 /dev/zero', { maxBytes: 65_536 }))).toMatchObject({ end: 'gave' });
  });

  it('that complains without end fills nothing', async () => {
    const ended = await run(program('head -c 3000000 /dev/zero | tr "\\0" e >&2; printf x'));
    expect([ended.end, textOf(ended as never), ended.said]).toEqual(['gave', 'x', 'e'.repeat(2000)]);
  });

  it('that leaves a process behind gives what it gave, and the process is gone', async () => {
    const note = join(folder, 'left');
    const ended = await run(program(`(sleep 2; echo late; touch ${note}) & printf blob`));
    expect([ended.end, textOf(ended as never)]).toEqual(['gave', 'blob']);
    await allGone(ended.group);
    expect(existsSync(note)).toBe(false);
  });

  it('whose child ran away with its output is not believed', async () => {
    const away = join(folder, 'away');
    const body = `setsid sh -c 'touch ${away}; sleep 3' & printf blob; while [ ! -e ${away} ]; do sleep 0.01; done`;
    const hasty = { ...realClock, sleep: (ms: number, signal?: AbortSignal) => realClock.sleep(ms / 20, signal) };
    const ended = await run(program(body, { seconds: 200 }), '', NEVER, hasty);
    expect(ended).toMatchObject({ end: 'lost', detail: 'it left a process behind that has its output' });
  });

  it('that closes its output and goes on has its time', async () => {
    const ended = await run(program('printf blob; exec 1>&-; sleep 0.1; exit 0'));
    expect([ended.end, textOf(ended as never)]).toEqual(['gave', 'blob']);
    expect(await run(program('printf blob; exec 1>&-; sleep 0.1; exit 9'))).toMatchObject({ end: 'failed' });
  });

  it('that is killed by somebody else has an end that nobody knows', async () => {
    expect(await run(program('printf half; kill -9 $$'))).toMatchObject({
      end: 'lost',
      detail: 'it was ended by SIGKILL',
    });
  });

  it('ends with the server, at once and before it began', async () => {
    const ending = new AbortController();
    const begun = join(folder, 'begun');
    const running = run(program(`touch ${begun}; sleep 600 & wait`), '', ending.signal);
    await expect.poll(() => existsSync(begun), { interval: 10 }).toBe(true);
    ending.abort();
    const ended = await running;
    expect(ended).toMatchObject({ end: 'lost', detail: 'the server ended it: it is closing' });
    await allGone(ended.group);
    expect(await run(program('printf x'), '', ending.signal)).toMatchObject({ end: 'failed' });
    expect(readFileSync(begun, 'utf8')).toBe('');
  });
});
