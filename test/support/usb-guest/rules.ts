import { join } from 'node:path';
import { ROOT } from '#test/support/cli.ts';
import type { Guest } from './guest.ts';

const RULES = '/etc/udev/rules.d';

/** Debian's OpenOCD and flashrom have rules for probes too: what is tried is ours, or none at all. */
export async function withoutRules(guest: Guest): Promise<void> {
  const theirs = ['60-openocd.rules', '60-flashrom.rules'].map((name) => `ln -sf /dev/null ${RULES}/${name}`);
  await must(guest, `${theirs.join('; ')}; rm -f ${RULES}/60-flashline.rules; udevadm control --reload`);
}

/** As a station's administrator does it. Devices get their rights when they are plugged in. */
export async function installRules(guest: Guest): Promise<void> {
  await withoutRules(guest);
  await must(guest, `cp ${join(ROOT, 'resources/udev/60-flashline.rules')} ${RULES} && udevadm control --reload`);
}

/**
 * Whether a device gets the group that our rules name. Its place in /dev is there before that: interfaces, by whose names some probes
 * are known, come after the device itself, and udev is told of both one after the other.
 */
export async function getsRights(guest: Guest, hubPort: number): Promise<boolean> {
  const place = `/sys/bus/usb/devices/1-${hubPort + 1}`;
  const node = `$(printf /dev/bus/usb/%03d/%03d $(cat ${place}/busnum ${place}/devnum))`;
  const isGiven = `[ "$(stat -c %g ${node})" = 46 ]`;
  const { code } = await guest.run([
    'sh',
    '-c',
    `for turn in $(seq 100); do ${isGiven} && exit 0; sleep 0.1; done; exit 1`,
  ]);
  return code === 0;
}

async function must(guest: Guest, script: string): Promise<void> {
  const { code, stderr } = await guest.run(['sh', '-c', script]);
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
}
