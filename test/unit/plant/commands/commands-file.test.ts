import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readCommandsFile } from '#plant/commands/commands-file.ts';
import { toFailure } from '#shared/model/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-commands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'make'), '#!/bin/sh\n', { mode: 0o755 });
writeFileSync(join(folder, 'open'), '#!/bin/sh\n');
chmodSync(join(folder, 'open'), 0o777);
writeFileSync(join(folder, 'data'), '', { mode: 0o644 });
mkdirSync(join(folder, 'work'));

function fileWith(text: string, mode = 0o600): string {
  const file = join(folder, 'commands.yaml');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

function refusalOf(text: string, mode?: number): string {
  const file = fileWith(text, mode);
  try {
    readCommandsFile(file);
    return 'none';
  } catch (thrown) {
    const { code, params } = toFailure(thrown);
    return `${code} ${String(params['detail'] ?? params['file']).replaceAll(folder, '.')}`;
  }
}

describe('the file with the plant’s commands', () => {
  it('has programs by their path from it, and a policy without limits where it says none', () => {
    const text = `commands:
  licence:
    run: [./make, --kind, 'a b']
    folder: work
    environment: { SERVER: licences.example }
    seconds: 2.5
    again: refuse
    policy: { products: [hello], quantity: 100 }
  plain: { run: ['${folder}/make'] }
`;
    const commands = readCommandsFile(fileWith(text));
    expect([...commands.keys()]).toEqual(['licence', 'plain']);
    expect(commands.get('licence')).toMatchObject({
      run: [join(folder, 'make'), '--kind', 'a b'],
      folder: join(folder, 'work'),
      seconds: 2.5,
      again: 'refuse',
      policy: { enabled: true, products: ['hello'], quantity: 100, stations: null, releases: null },
    });
    expect(commands.get('plain')).toMatchObject({
      folder,
      again: 'same',
      repeatable: false,
      seconds: 10,
      maxBytes: 65_536,
      atOnce: 1,
    });
  });

  const WRONG: readonly [string, string, string][] = [
    [
      'a program that is looked up',
      'commands: { a: { run: [make] } }',
      'usage ./commands.yaml: a: make needs the path of a program',
    ],
    [
      'no program',
      'commands: { a: { run: [./nothing] } }',
      'usage ./commands.yaml: a: ./nothing is no program that this user may run',
    ],
    [
      'a file that is none',
      'commands: { a: { run: [./data] } }',
      'usage ./commands.yaml: a: ./data is no program that this user may run',
    ],
    [
      'a program that all may write',
      'commands: { a: { run: [./open] } }',
      'usage ./open: others than its owner may change it: chmod go-w',
    ],
    [
      'a folder that is not there',
      'commands: { a: { run: [./make], folder: x } }',
      'usage ./commands.yaml: a: ./x is no folder',
    ],
    [
      'a shell',
      'commands: { a: { run: [./make], shell: true } }',
      'usage ./commands.yaml: commands.a: Unrecognized key: "shell"',
    ],
    ['a line for a shell', 'commands: { a: { run: ./make } }', 'usage ./commands.yaml: commands.a.run:'],
    [
      'too long a time',
      'commands: { a: { run: [./make], seconds: 61 } }',
      'usage ./commands.yaml: commands.a.seconds:',
    ],
    [
      'too much',
      'commands: { a: { run: [./make], maxBytes: 1048577 } }',
      'usage ./commands.yaml: commands.a.maxBytes:',
    ],
    ['a name that no recipe can have', 'commands: { A_b: { run: [./make] } }', 'usage ./commands.yaml: commands.A_b:'],
    ['no YAML', 'commands: [\tsecret', 'usage ./commands.yaml is no YAML'],
    ['nothing', '', 'usage ./commands.yaml:'],
  ];
  it.each(WRONG)('is refused with %s', (_, text, refusal) => {
    expect(refusalOf(text)).toContain(refusal);
  });

  it('is refused where others may change it, and where it is not', () => {
    const text = 'commands: {}';
    expect(refusalOf(text, 0o620)).toContain('others than its owner may change it');
    expect(refusalOf(text, 0o602)).toContain('others than its owner may change it');
    expect(refusalOf(text, 0o644)).toBe('none');
    expect(() => readCommandsFile(join(folder, 'nowhere.yaml'))).toThrow('file-missing');
  });
});
