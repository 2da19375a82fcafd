import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const run = promisify(execFile);

/** A small house of its own under the same rules, to see that each of them bites. */
describe('the import rule', { timeout: 60_000 }, () => {
  let house: string;

  beforeEach(async () => {
    house = await mkdtemp(join(tmpdir(), 'flashline-layers-'));
    for (const file of ['import-rules.js', '.dependency-cruiser.js', 'package.json', 'tsconfig.json']) {
      await cp(join(ROOT, file), join(house, file));
    }
    await symlink(join(ROOT, 'node_modules'), join(house, 'node_modules'));
  });

  afterEach(() => rm(house, { recursive: true }));

  async function violations(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(house, path)), { recursive: true });
      await writeFile(join(house, path), text);
    }
    const command = join(ROOT, 'node_modules/.bin/depcruise');
    const args = ['--config', '.dependency-cruiser.js', '--output-type', 'err', ...Object.keys(files)];
    try {
      await run(command, args, { cwd: house });
      return '';
    } catch (error) {
      return (error as { stdout?: string }).stdout ?? String(error);
    }
  }

  const value = 'export const value = 1;\n';

  it('lets a folder import what its row lists', async () => {
    const files = {
      'src-main/plan/a.ts': "export { value } from '#shared/base/b.ts';\n",
      'src-shared/base/b.ts': value,
    };
    expect(await violations(files)).toBe('');
  });

  it.each([
    [
      'a layer above',
      { 'src-shared/base/a.ts': "export { value } from '#main/link/b.ts';\n", 'src-main/link/b.ts': value },
    ],
    [
      'a layer above by type alone',
      {
        'src-main/link/a.ts': "import type { V } from '../probe/b.ts';\nexport type W = V;\n",
        'src-main/probe/b.ts': 'export type V = 1;\n',
      },
    ],
    [
      'another file of a folder of which one is allowed',
      { 'src-main/probe/a.ts': "export { value } from '../link/tcp.ts';\n", 'src-main/link/tcp.ts': value },
    ],
    [
      'the main process from the screens',
      { 'src-renderer/a.tsx': "export { value } from '#main/log/b.ts';\n", 'src-main/log/b.ts': value },
    ],
  ])('refuses %s', async (_, files) => {
    expect(await violations(files)).toContain('error layer');
  });

  it('refuses a cycle, of types too', async () => {
    const files = {
      'src-shared/base/a.ts': "import type { B } from './b.ts';\nexport type A = B | 1;\n",
      'src-shared/base/b.ts': "import type { A } from './a.ts';\nexport type B = A | 2;\n",
    };
    expect(await violations(files)).toContain('error no cycles');
  });

  it('refuses Node where a browser runs the code too', async () => {
    const files = {
      'src-shared/base/a.ts': "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n",
    };
    expect(await violations(files)).toContain('error no Node here');
  });

  it('refuses Electron outside of the composition roots', async () => {
    const files = { 'src-main/station/a.ts': "import { app } from 'electron';\nexport const name = app.name;\n" };
    expect(await violations(files)).toContain('error package electron');
  });

  it('refuses a file in no layer', async () => {
    expect(
      await violations({
        'src-main/misc/a.ts': "export { value } from '#shared/base/b.ts';\n",
        'src-shared/base/b.ts': value,
      }),
    ).toContain('error every file is in a layer');
  });
});
