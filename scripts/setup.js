/**
 * Makes a fresh clone ready: packages from the npm registry, the pinned Node among them.
 * Plain JavaScript for any Node from 18 on, because it runs before anything is installed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const pinnedNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const stamp = join(root, 'node_modules', '.flashline-setup');

const say = (text) => process.stderr.write(`${text}\n`);

/** Installs when package-lock.json is not what was installed last. */
export async function ensurePackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(pinnedNode)) return;
  say('Setting up: installing packages from the npm registry (about a minute, once).');
  await installPackages();
  if (!existsSync(pinnedNode))
    throw new Error(`the pinned Node is missing at ${pinnedNode}; run "npm install" and look at its messages`);
  writeFileSync(stamp, wanted);
}

function installPackages() {
  const started = Date.now();
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  // Not "npm ci": it refuses a lock file that lacks other platforms' optional binaries, which a registry mirror may not carry.
  // "--no-save" keeps to the lock file and leaves it as it is. Engine warnings concern the system's Node, not the pinned one.
  const child = spawn(npm, ['install', '--no-save', '--loglevel=error', '--no-fund', '--no-audit'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  const ticker = setInterval(
    () => say(`  ... ${Math.round((Date.now() - started) / 1000)} s, ${countPackages()} packages in place`),
    5000,
  );
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      clearInterval(ticker);
      if (code !== 0) return reject(new Error(`npm install ended with ${code}; is the npm registry within reach?`));
      say(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s.`);
      resolve();
    });
  });
}

function countPackages() {
  const folder = join(root, 'node_modules');
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'package.json'))).length;
}

const BUILT_FROM = [
  'src-shared',
  'src-main',
  'src-renderer',
  'resources',
  'package-lock.json',
  'vite.config.ts',
  'vite.plant.config.ts',
  'scripts/build.js',
];

/** Builds dist/ (screens, the plant's pages, Electron's main and preload) when a source is newer than it. */
export function ensureBuild() {
  const built = join(root, 'dist', '.built');
  const newest = Math.max(...BUILT_FROM.map((path) => newestChange(join(root, path))));
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return;
  say('Building the screens ...');
  const started = Date.now();
  rmSync(built, { force: true });
  const { status } = spawnSync(pinnedNode, [join(root, 'scripts', 'build.js')], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`the build ended with ${status}`);
  writeFileSync(built, '');
  say(`Built in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

function newestChange(path) {
  if (!existsSync(path)) return 0;
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  return Math.max(entry.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

/** Runs a program on the pinned Node with our terminal; resolves to its exit code. Signals reach it too. */
export function runPinned(args, environment = {}) {
  return run(pinnedNode, args, environment);
}

/** The environment in which the pinned Node and the packages' programs come first. */
export function pinnedEnvironment() {
  const folders = [dirname(pinnedNode), join(root, 'node_modules', '.bin'), process.env.PATH];
  return { ...process.env, PATH: folders.join(delimiter) };
}

export function run(program, args, environment = {}) {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit', env: { ...pinnedEnvironment(), ...environment } });
  const forward = (signal) => child.kill(signal);
  process.on('SIGINT', forward);
  process.on('SIGTERM', forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGINT', forward);
      process.off('SIGTERM', forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

/** The last line of every script: a failure is one sentence, not a stack. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    say(`\n${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
