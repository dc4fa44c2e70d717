// The last thing that is asked about a request: whether it has a place among those of other processes.

import { type IPlaces, PlacedPermit, type TPlaceRefusal } from '../flow/guard/shared-counts.js';
import { admissionOf, waitFor } from './admission.js';
import type { IAdmission, IPendingAdmission } from './exchange-view.js';
import type { Visitor } from './visitor.js';

/** As it is, where this process is the only one or the route has no limit. */
export function withPlaces(visitor: Visitor, admission: IAdmission): IAdmission {
  const { places } = visitor.services.guard;
  const { route, permit } = admission;
  if (places === null || permit === null || route === null) return admission;
  const asked = places.askRequest(visitor.connection, route);
  return asked === null ? admission : waitFor(route, new PendingPlace(asked, admission));
}

class PendingPlace implements IPendingAdmission {
  readonly #asked: Promise<IPlaces | TPlaceRefusal>;
  readonly #admission: IAdmission;
  #cancelled = false;

  constructor(asked: Promise<IPlaces | TPlaceRefusal>, admission: IAdmission) {
    this.#asked = asked;
    this.#admission = admission;
  }

  wait(known: (admission: IAdmission) => void): void {
    // It never rejects.
    void this.#asked.then((given) => {
      const { route, permit, routes } = this.#admission;
      if (route === null || permit === null || routes === null) return;
      if (typeof given !== 'string') {
        const placed = new PlacedPermit(permit, given);
        if (this.#cancelled) placed.release();
        else known({ ...this.#admission, permit: placed });
        return;
      }
      permit.release();
      if (!this.#cancelled) known(admissionOf(given, route, route, routes));
    });
  }

  cancel(): void {
    this.#cancelled = true;
  }
}
