import type { BenchAddress } from '../../bench/parse-bench-url.ts';
import type { Connection, ConnectRequest } from '../../programmer/programmer.ts';

/** How the bench puts a unit into a slot, by one of its interfaces. */
export type OnBench = (address: BenchAddress, unit: ConnectRequest) => Connection;
