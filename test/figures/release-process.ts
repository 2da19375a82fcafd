import { readFileSync } from 'node:fs';
import { openFileSource } from '#main/release/flashpack/file-source.ts';
import { openFlashpack } from '#main/release/flashpack/open-flashpack.ts';
import { judge, type TrustList } from '#main/release/flashpack/trust-list.ts';
import { readTrust } from '#main/release/flashpack/trust-file.ts';

/** Opens and verifies one pack, and prints what that took: a process of its own, so that its memory is nobody else's. */
const [file = '', trusted = ''] = process.argv.slice(2);
const list: TrustList = readTrust(trusted);
const before = highestMb();
const begun = performance.now();
const source = await openFileSource(file);
const { signedBy } = await openFlashpack(file, source, { judge: (signed) => judge(file, signed, list, new Date()) });
await source.close();
const ms = performance.now() - begun;
if (signedBy === 'unsigned') throw new Error('the pack was not signed');
const cpu = process.cpuUsage();
process.stdout.write(
  JSON.stringify({ ms, cpuMs: (cpu.user + cpu.system) / 1000, peakMb: highestMb(), idleMb: before }),
);

/** Of this program alone (proc(5), VmHWM): getrusage's maximum begins with that of the process that started it. */
function highestMb(): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}
