import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the guest needs of the kernel beyond its core: the shares, a network card, USB and what hangs on it. */
const MODULES = [
  'virtio_pci',
  'virtio_net',
  '9pnet_virtio',
  '9p',
  'overlay',
  'usbcore',
  'usbip-core',
  'vhci-hcd',
  'usbhid',
  'hid-generic',
  'cdc-acm',
  'ftdi_sio',
  'hid-mcp2221',
  'i2c-dev',
  'at24',
  'usb-storage',
  'sd_mod',
  'vfat',
  'nls_cp437',
  'nls_ascii',
];
const APPLETS = ['sh', 'mount', 'insmod', 'mkdir', 'cat', 'poweroff', 'ip', 'chroot', 'sync'];
const INIT = join(import.meta.dirname, 'init.sh');

/**
 * Packs busybox, the modules in the order in which they have to be loaded, and `init.sh` into a file in `folder`,
 * named by its content's digest. Resolves to its path; packs only what is not there yet (under a second).
 */
export async function packInitramfs(modules: string, folder: string): Promise<string> {
  const order = loadOrder(await readFile(join(modules, 'modules.dep'), 'utf8'), MODULES);
  const init = await readFile(INIT);
  const digest = createHash('sha256').update(order.join('\n')).update(init).digest('hex').slice(0, 16);
  const packed = join(folder, `initramfs-${digest}.gz`);
  if (existsSync(packed)) return packed;
  const work = await mkdtemp(join(folder, 'pack-'));
  try {
    const root = join(work, 'root');
    for (const name of ['bin', 'm', 'proc', 'sys', 'dev', 'lower', 'root', 'rw'])
      await mkdir(join(root, name), { recursive: true });
    await copyFile('/bin/busybox', join(root, 'bin', 'busybox'));
    for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
    for (const path of order) await copyFile(join(modules, path), join(root, 'm', basename(path)));
    await writeFile(join(root, 'm', 'order'), `${order.map((path) => basename(path)).join('\n')}\n`);
    await writeFile(join(root, 'init'), init, { mode: 0o755 });
    const archive = join(work, 'initramfs.gz');
    await run('sh', ['-c', `cd "$0" && find . | cpio -o -H newc --quiet | gzip -1 > "$1"`, root, archive]);
    await rename(archive, packed);
    return packed;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `modules.dep` has a line per module: `path: path path`, where what stands last has to be loaded first. */
export function loadOrder(dependencies: string, wanted: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  const paths = new Map<string, string>();
  for (const line of dependencies.split('\n')) {
    const [path = '', rest = ''] = line.split(':');
    if (path === '') continue;
    needs.set(path, rest.split(' ').filter(Boolean));
    paths.set(moduleName(path), path);
  }
  const order = new Set<string>();
  const add = (path: string): void => {
    if (order.has(path)) return;
    for (const need of (needs.get(path) ?? []).toReversed()) add(need);
    order.add(path);
  };
  for (const name of wanted) {
    const path = paths.get(moduleName(name));
    if (path === undefined) throw new Error(`this kernel has no module ${name}`);
    add(path);
  }
  return [...order];
}

/** Files and documents differ in `-` and `_`. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko.*$/u, '')
    .replaceAll('-', '_');
}
