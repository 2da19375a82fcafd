/** The clock steps down no further: a wire that is noisy at this speed is broken. */
export const SLOWEST_HZ = 100_000;

/** Clocks to try in turn, from `hz` down by halves. */
export function clockLadder(hz: number): number[] {
  const clocks = [hz];
  for (let next = hz; next > SLOWEST_HZ;) {
    next = Math.max(SLOWEST_HZ, Math.floor(next / 2));
    clocks.push(next);
  }
  return clocks;
}
