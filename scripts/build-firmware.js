// Builds everything that runs on a chip: the RAM loaders, the digest code and the demo firmwares, with arm-none-eabi-gcc.
//   node scripts/build-firmware.js           writes the builds into resources/
//   node scripts/build-firmware.js --check   builds again elsewhere and compares with what is committed, byte for byte
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const PREFIX = 'arm-none-eabi-';
// Built in a copy of the source's own folder by relative names, without debug info or build id: no path gets in.
const FLAGS = [
  '-mthumb',
  '-Os',
  '-std=c11',
  '-ffreestanding',
  '-nostdlib',
  '-fno-builtin',
  '-fno-jump-tables',
  '-fno-delete-null-pointer-checks', // flash begins at address 0
  '-Wall',
  '-Wextra',
  '-Werror',
];
const LINK = ['-Wl,--build-id=none', '-Wl,--fatal-warnings'];

const compiler = run('.', 'gcc', ['--version']).split('\n')[0];

const ALGORITHMS = 'resources/flash-algorithms';
const COMMON = 'common';
const DIGESTS = 'resources/unit-digests';

const builds = [
  ...foldersOf(ALGORITHMS)
    .filter((name) => name !== COMMON)
    .map((name) => ({
      folder: `${ALGORITHMS}/${name}`,
      output: `${name}.json`,
      make: (cwd) => buildLoader(cwd, name),
    })),
  ...foldersOf(DIGESTS).map((name) => ({
    folder: `${DIGESTS}/${name}`,
    output: `${name}.json`,
    make: (cwd) => buildDigest(cwd, name),
  })),
  { folder: 'resources/demo/hello-nrf51822', output: 'hello.hex', make: (cwd) => buildHello(cwd, 'cortex-m0') },
  { folder: 'resources/demo/hello-nrf52840', output: 'hello.hex', make: (cwd) => buildHello(cwd, 'cortex-m4') },
  { folder: 'resources/demo/hello-identity', output: 'hello.hex', make: buildIdentity },
];

const check = process.argv.includes('--check');
let different = 0;
for (const { folder, output, make } of builds) {
  const made = inCopyOf(join(root, folder), make);
  const file = join(root, folder, output);
  const name = relative(root, file);
  if (!check) {
    writeFileSync(file, made);
    console.log(`${name}: ${made.length} characters`);
  } else if (readFileSync(file, 'utf8') === made) {
    console.log(`${name}: reproduced`);
  } else {
    different += 1;
    console.error(`${name}: the build by "${compiler}" differs from the committed one${builtBy(file)}`);
  }
}
process.exitCode = different === 0 ? 0 : 1;

/** The controller's own source between the files that all loaders share. */
function buildLoader(cwd, controller) {
  cpSync(join(root, ALGORITHMS, COMMON), cwd, { recursive: true });
  const elf = compile(cwd, 'cortex-m0', ['entry.S', 'loader.c', 'digest.S', 'flash.c'], 'loader.ld', []);
  run(cwd, 'objcopy', ['-O', 'binary', elf, 'loader.bin']);
  const code = readFileSync(join(cwd, 'loader.bin'));
  const symbols = symbolsOf(cwd, elf);
  return json({
    schema: 2,
    controller,
    // Addresses in the chip's RAM; `entry` and `done` without the Thumb bit.
    load: 0x2000_0000,
    entry: symbols.get('entry').value,
    done: symbols.get('done').value,
    mailbox: symbols.get('loader_mailbox').value,
    // Where a controller brings no such function, the common one stands in: a weak symbol.
    erasesAll: symbols.get('flash_erase_all').type === 'T',
    code: code.toString('hex'),
    sha256: createHash('sha256').update(code).digest('hex'),
    compiler,
  });
}

/** Code that runs at any multiple of 256 bytes; offsets from there. */
function buildDigest(cwd, name) {
  const elf = compile(cwd, 'cortex-m0', ['digest.S'], 'digest.ld', []);
  run(cwd, 'objcopy', ['-O', 'binary', elf, 'digest.bin']);
  const code = readFileSync(join(cwd, 'digest.bin'));
  const symbols = symbolsOf(cwd, elf);
  return json({
    schema: 1,
    name,
    load: symbols.get('k').value,
    handler: symbols.get('handler').value,
    code: code.toString('hex'),
    sha256: createHash('sha256').update(code).digest('hex'),
    compiler,
  });
}

function foldersOf(parent) {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** The nRF51822's firmware under its own product's name. */
function buildIdentity(cwd) {
  for (const source of ['hello.c', 'hello.ld'])
    cpSync(join(root, 'resources/demo/hello-nrf51822', source), join(cwd, source));
  return buildHello(cwd, 'cortex-m0');
}

function buildHello(cwd, cpu) {
  const product = /id: ([a-z0-9-]+)/.exec(readFileSync(join(cwd, 'recipe.yaml'), 'utf8'))[1];
  const version = /version: ([0-9.]+)/.exec(readFileSync(join(cwd, 'recipe.yaml'), 'utf8'))[1];
  if (cpu === 'cortex-m4')
    writeFileSync(join(cwd, 'table.h'), execFileSync(process.execPath, ['make-table.js'], { cwd, encoding: 'utf8' }));
  const defines = [`-DPRODUCT="${product}"`, `-DVERSION="${version}"`];
  const elf = compile(cwd, cpu, ['hello.c'], 'hello.ld', defines);
  run(cwd, 'objcopy', ['-O', 'ihex', elf, 'hello.hex']);
  // Lines end as in every text file here.
  return readFileSync(join(cwd, 'hello.hex'), 'utf8').replaceAll('\r\n', '\n');
}

function compile(cwd, cpu, sources, script, defines) {
  run(cwd, 'gcc', [`-mcpu=${cpu}`, ...FLAGS, ...LINK, ...defines, '-T', script, '-o', 'out.elf', ...sources]);
  return 'out.elf';
}

function symbolsOf(cwd, elf) {
  const lines = run(cwd, 'nm', [elf]).trim().split('\n');
  return new Map(
    lines
      .map((line) => line.split(' '))
      .map(([value, type, name]) => [name, { value: Number.parseInt(value, 16), type }]),
  );
}

function inCopyOf(folder, make) {
  const copy = mkdtempSync(join(tmpdir(), 'flashline-firmware-'));
  try {
    cpSync(folder, copy, { recursive: true });
    return make(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function builtBy(file) {
  return file.endsWith('.json') ? `, made by "${JSON.parse(readFileSync(file, 'utf8')).compiler}"` : '';
}

function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function run(cwd, tool, args) {
  return execFileSync(PREFIX + tool, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
