import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { reserveThreads } from '#main/app/reserve-threads.ts';
import { ROOT } from '#test/support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-threads-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Opening a FIFO that nobody writes to blocks a thread, as a write to a probe that takes nothing does. */
function answersBehind(blocked: number, before: string): boolean {
  const fifos = Array.from({ length: blocked }, (_, index) => join(folder, `fifo${blocked}-${before.length}-${index}`));
  execFileSync('mkfifo', fifos);
  const script = join(folder, `script${before.length}.mjs`);
  writeFileSync(
    script,
    `import { open, stat } from 'node:fs/promises';
    ${before}
    for (const fifo of ${JSON.stringify(fifos)}) void open(fifo, 'r');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2000);
    await stat('/');
    process.stdout.write('answered', () => process.kill(process.pid, 'SIGKILL'));`,
  );
  return spawnSync(process.execPath, [script], { encoding: 'utf8' }).stdout === 'answered';
}

it('keeps sixteen probes that hang from holding up the rest', () => {
  const module = join(ROOT, 'src-main/app/reserve-threads.ts');
  const reserve = `import { reserveThreads } from '${module}'; reserveThreads(process.env);`;
  expect(answersBehind(16, reserve)).toBe(true);
  expect(answersBehind(16, '')).toBe(false);
});

it('leaves what somebody has set', () => {
  const env = { UV_THREADPOOL_SIZE: '128' };
  reserveThreads(env);
  expect(env.UV_THREADPOOL_SIZE).toBe('128');
});
