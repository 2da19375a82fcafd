import type { OrderState, StationState } from '#shared/contract/station.ts';
import type { OrderInWork } from '#shared/model/plant-work.ts';
import type { StationOptions } from './options.ts';

/** The order in work, and those that this station's release can work for, as the screens show them. */
export function orderStates({
  plant,
  engine,
}: Pick<StationOptions, 'plant' | 'engine'>): Pick<StationState, 'order' | 'orders'> {
  if (plant === undefined || !engine) return { order: null, orders: [] };
  const { digest, recipe } = engine.release;
  const orders = plant.orders(recipe.product.id).filter(({ release }) => release === digest);
  const order = plant.order();
  return {
    order: order && { id: order.id, quantity: order.quantity, passed: order.passed, standing: standingOf(order) },
    orders: orders.map(({ id, quantity, passed }) => ({ id, quantity, passed })),
  };
}

function standingOf({ closed, passed, quantity }: OrderInWork): OrderState['standing'] {
  if (closed) return 'closed';
  return passed >= quantity ? 'filled' : 'open';
}
