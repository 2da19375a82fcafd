import { expect, it } from 'vitest';
import { measureCmsisDapLink } from '../figures/link-cmsis-dap.ts';

it('memory moves as fast as link and wire allow, and a multiple of what dapjs does over the same link', async () => {
  const { v1, v2 } = await measureCmsisDapLink();
  for (const { bytesPerSecond, ofLimit, timesDapjs, packetsPerKib, dapjsPacketsPerKib } of [v1.write, v1.read]) {
    expect(bytesPerSecond).toBeGreaterThanOrEqual(0.95 * 56_000);
    expect(ofLimit).toBeGreaterThanOrEqual(0.95);
    expect(timesDapjs).toBeGreaterThanOrEqual(2);
    expect(packetsPerKib).toBeLessThan(dapjsPacketsPerKib);
  }
  for (const { ofLimit, timesDapjs } of [v2.write, v2.read]) {
    expect(ofLimit).toBeGreaterThanOrEqual(0.92);
    expect(timesDapjs).toBeGreaterThanOrEqual(4);
  }
});
