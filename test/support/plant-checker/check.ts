import { checkChain, type StationChain } from './chains.ts';
import type { Fault } from './fault.ts';
import { checkLeases } from './leases.ts';
import { PlantRows } from './plant-rows.ts';
import { readStation } from './station-file.ts';
import { checkSums } from './sums.ts';

export interface CheckedStation {
  readonly name: string;
  /** Its unit log. */
  readonly file: string;
  /** `x` of its Ed25519 public key as a JWK. */
  readonly publicKey: string;
}

export interface CheckReport {
  readonly faults: readonly Fault[];
  /** Real units' records at all stations. */
  readonly records: number;
  readonly chains: number;
}

/** Compares a plant that has healed with its stations, which must stand still meanwhile. No fault: they agree record for record. */
export async function checkPlant(url: string, stations: readonly CheckedStation[]): Promise<CheckReport> {
  const faults: Fault[] = [];
  const truth = new Map<string, StationChain>();
  for (const { name, file, publicKey } of stations) {
    const read = readStation(file, name);
    faults.push(...read.faults);
    const first = read.records[0];
    if (first !== undefined) truth.set(first.content.hash, { station: name, publicKey, records: read.records });
  }
  const real = [...truth.values()].flatMap(({ records }) => records.filter(({ simulated }) => !simulated));
  const rows = await PlantRows.open(url);
  try {
    faults.push(...(await checkChains(rows, truth)));
    faults.push(
      ...(await checkSums(
        rows,
        real.map(({ content }) => content),
      )),
    );
    faults.push(...(await checkLeases(rows)));
  } finally {
    await rows.close();
  }
  return { faults, records: real.length, chains: truth.size };
}

async function checkChains(rows: PlantRows, truth: ReadonlyMap<string, StationChain>): Promise<Fault[]> {
  const faults: Fault[] = [];
  const missing = new Map(truth);
  for (const chain of await rows.chains()) {
    const known = missing.get(chain.genesis);
    if (known?.station === chain.station) {
      missing.delete(chain.genesis);
      faults.push(...(await checkChain(rows, chain, known)));
    } else
      faults.push({ kind: 'foreign', where: `${chain.station}, chain ${chain.genesis}`, detail: 'no station has it' });
  }
  for (const { station, records } of missing.values())
    if (records.some(({ simulated }) => !simulated))
      faults.push({ kind: 'lost', where: station, detail: `the plant knows nothing of its ${records.length} records` });
  for (const { chain, sequence } of await rows.orphans())
    faults.push({ kind: 'foreign', where: `chain ${chain}, record ${sequence}`, detail: 'of no chain' });
  return faults;
}
