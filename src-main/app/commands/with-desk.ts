import type { Desk, PlantPlace } from '#plant/plant.ts';
import type { CliContext } from './command.ts';
import { placeOf, type PlaceOptions } from './plant-place.ts';

/** With the desk of the server that runs on this computer, else straight in the database. */
export async function withDesk<T>(
  options: PlaceOptions,
  context: CliContext,
  work: (desk: Desk) => Promise<T>,
  place: PlantPlace = placeOf(options, context),
): Promise<T> {
  const { openDesk } = await import('#plant/plant.ts');
  const opened = await openDesk(place);
  try {
    return await work(opened.desk);
  } finally {
    await opened.close();
  }
}
