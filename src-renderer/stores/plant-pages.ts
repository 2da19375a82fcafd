import { VERIFY_PAGE } from '#shared/contract/plant/common.ts';
import type { PlantCall } from '#shared/contract/plant/endpoints.ts';
import { plantEndpoints } from '#shared/contract/plant/endpoints.ts';
import type { Access, PlantRole } from '#shared/contract/plant/endpoint.ts';

/** Each page of the frame, in the order of the navigation, with the call that it cannot be without. */
export const PLANT_PAGES = [
  { name: 'home', path: '/', needs: 'yield.report' },
  { name: 'trace', path: '/trace', needs: 'unit.trace' },
  { name: 'find', path: '/find', needs: 'unit.find' },
  { name: 'verify', path: VERIFY_PAGE, needs: 'certificate.verify' },
  { name: 'recall', path: '/recall', needs: 'recall.search' },
  { name: 'releases', path: '/releases', needs: 'release.list' },
  { name: 'orders', path: '/orders', needs: 'order.list' },
  { name: 'pools', path: '/numbers', needs: 'pool.list' },
  { name: 'keys', path: '/keys', needs: 'key.list' },
  { name: 'stations', path: '/stations', needs: 'station.list' },
  { name: 'findings', path: '/findings', needs: 'finding.list' },
  { name: 'buyers', path: '/buyers', needs: 'buyer-link.list' },
  { name: 'users', path: '/users', needs: 'user.list' },
  { name: 'audit', path: '/audit', needs: 'audit.list' },
] as const satisfies readonly { readonly name: string; readonly path: string; readonly needs: PlantCall }[];

export type PlantPage = (typeof PLANT_PAGES)[number];
export type PlantPageName = PlantPage['name'];

/** What the server would say too; here only so that nobody is offered what is refused. */
export function mayCall(roles: readonly PlantRole[], call: PlantCall): boolean {
  const access: Access = plantEndpoints[call].access;
  if (access === 'none' || access === 'any') return true;
  return access !== 'station' && access.some((role) => roles.includes(role));
}

export function pagesFor(roles: readonly PlantRole[]): PlantPage[] {
  return PLANT_PAGES.filter(({ needs }) => mayCall(roles, needs));
}
