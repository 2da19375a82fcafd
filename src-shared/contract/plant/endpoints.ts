import { commandEndpoints } from './command-api.ts';
import { signingEndpoints } from './signing-api.ts';
import { stationEndpoints } from './station-api.ts';
import { webEndpoints } from './web-api.ts';

/** The whole HTTP interface of the plant server, version 1. */
export const plantEndpoints = {
  ...stationEndpoints,
  ...webEndpoints,
  ...signingEndpoints,
  ...commandEndpoints,
} as const;
export type PlantEndpoints = typeof plantEndpoints;
export type PlantCall = keyof PlantEndpoints;
