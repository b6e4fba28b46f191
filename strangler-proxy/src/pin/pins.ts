import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, type Registry } from 'prom-client';
import type { Migration } from 'strangler-migrations/define';
import type { Side } from '../decide/ownership.ts';
import { type Fields, type HeadAdditions, NO_FIELDS } from '../forward/head-additions.ts';
import { MONOLITH } from '../forward/upstreams.ts';
import { type AppliedPlaces, createAppliedPlaces, type Stream } from './applied-places.ts';
import { type CarriedPin, carriedPins, carriesPins, givePin, takeBack } from './carried-pins.ts';
import { covers, type LogPlace } from './log-place.ts';
import { createOwnerPlaces, type OwnerPlaces } from './owner-places.ts';
import { createPinSigner, type Pin } from './pin-token.ts';

/** Keeps whoever wrote to a capability at its owner, until the other side has what was written. */
export interface Pins {
  /** Of a read route's request that may carry pins; undefined: it has none of this capability. Never throws. */
  ofRead(request: IncomingMessage, ask: PinQuestion): PinnedRead | undefined;
  /** Of a write route's request: what is added to its answer. Never throws. */
  ofWrite(request: IncomingMessage, ask: PinQuestion): HeadAdditions | undefined;
  /**
   * Waits until the other side has everything that the owner's database had when this was called.
   *
   * @returns false if it has not in time, or if a database cannot be asked. Never rejects.
   */
  caughtUp(capability: string, owner: Side, timeoutMs: number): Promise<boolean>;
  /** What a person should know: databases that cannot be asked. */
  notices(): readonly string[];
  close(): void;
}

/** What pins have to know of a request besides the request. */
export interface PinQuestion {
  readonly capability: string;
  readonly owner: Side;
  /** Of the ownership, as this proxy knows it. */
  readonly epoch: number;
  /** Whether the client's side of the connection is encrypted. */
  readonly secure: boolean;
}

/** What the pins of a request say. */
export interface PinnedRead {
  /** The side that has to serve it; undefined: the pins have ended. */
  readonly side: Side | undefined;
  readonly additions: HeadAdditions;
}

/** What {@link createPins} takes. */
export interface PinsOptions {
  readonly migrations: readonly Migration[];
  /** Connection URLs by the name of the upstream whose database it is; of both sides of every migration. */
  readonly databases: Readonly<Record<string, string>>;
  /** Shared by all instances. The first signs, all verify. */
  readonly keys: readonly [string, ...string[]];
  /** Where the metrics are registered. */
  readonly registry: Registry;
  /** For how long the answer of a write may be held back while its place is looked up. Default 250 ms. */
  readonly lookUpBoundMs?: number;
}

/** What happens to pins: labels of a metric. */
type PinEvent =
  /** Given with the answer of a write. */
  | 'given'
  /** The same, but the place was not known in time: the next read finds it out. */
  | 'given-unknown'
  /** A read went to the owner. */
  | 'held'
  /** A pin of an older epoch or another history, of an unknown place, or that nobody vouches for, was replaced. */
  | 'renewed'
  /** No key of ours has signed it. */
  | 'not-ours'
  /** The other side has what was written. */
  | 'ended';

const LOOK_UP_BOUND_MS = 250;
/** As often as the applied places are looked at. */
const CAUGHT_UP_INTERVAL_MS = 25;

/** What {@link createPins} keeps of one capability. */
interface Sides {
  readonly places: Readonly<Record<Side, OwnerPlaces>>;
  /** By the owner, the streams into the other side. */
  readonly applied: Readonly<Record<Side, AppliedPlaces>>;
}

/** Makes the pins of one proxy. @throws Error naming a database that is missing. */
export function createPins(options: PinsOptions): Pins {
  const { migrations, databases, registry, lookUpBoundMs = LOOK_UP_BOUND_MS } = options;
  const signer = createPinSigner(options.keys);
  const places = new Map<string, OwnerPlaces>();
  const applied = new Map<string, AppliedPlaces>();
  const capabilities = new Map<string, Sides>();
  for (const { capability, service } of migrations) {
    const sides = { monolith: opened(MONOLITH), service: opened(service) };
    capabilities.set(capability, {
      places: { monolith: sides.monolith.places, service: sides.service.places },
      applied: { monolith: sides.service.applied, service: sides.monolith.applied },
    });
  }
  const events = new Counter({
    name: 'strangler_proxy_pins_total',
    help: 'What happened to the pins that keep whoever wrote at the owner, by capability',
    labelNames: ['capability', 'event'],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'strangler_proxy_pin_places_unknown_total',
    help: "Times that the place of an owner's log could not be read in time, by capability",
    labelNames: ['capability'],
    registers: [registry],
  });

  function opened(name: string): { places: OwnerPlaces; applied: AppliedPlaces } {
    const url = databases[name];
    if (url === undefined) throw new Error(`the database of ${name} is missing`);
    const made = {
      places: places.get(name) ?? createOwnerPlaces(url, lookUpBoundMs),
      applied: applied.get(name) ?? createAppliedPlaces(url),
    };
    places.set(name, made.places);
    applied.set(name, made.applied);
    return made;
  }

  function count(capability: string, event: PinEvent): void {
    events.inc({ capability, event });
  }

  async function lookUp(sides: Sides, { capability, owner, epoch }: PinQuestion): Promise<Pin> {
    const place = await sides.places[owner].read();
    if (place === undefined) failures.inc({ capability });
    else sides.applied[owner].want(streamFrom(owner, capability), place);
    return { capability, epoch, owner, place };
  }

  return {
    ofRead(request, ask) {
      const { capability, owner, epoch, secure } = ask;
      const sides = capabilities.get(capability);
      const carried = sides === undefined ? [] : carriedPins(request, capability, signer);
      if (sides === undefined || carried.length === 0) return undefined;

      const { ended, ahead, waiting, unclear } = sort(
        carried,
        epoch,
        sides.applied[owner].of(streamFrom(owner, capability)),
      );
      for (const { pin } of unclear) if (pin === undefined) count(capability, 'not-ours');
      if (ahead.length + waiting.length + unclear.length === 0) {
        count(capability, 'ended');
        return { side: undefined, additions: constant(takeBack(ended, secure)) };
      }
      count(capability, 'held');
      // The owner of the highest epoch is the owner: whoever gave that pin knows more than this proxy does yet.
      const newest = ahead.reduce<Pin | undefined>(
        (most, { pin }) => (most && most.epoch >= pin.epoch ? most : pin),
        undefined,
      );
      if (newest !== undefined) return { side: newest.owner, additions: constant(takeBack(ended, secure)) };
      if (unclear.length === 0) {
        const last = waiting.reduce((most, other) => (covers(most.pin.place, other.pin.place) ? most : other));
        sides.applied[owner].want(streamFrom(owner, capability), last.pin.place);
        const covered = waiting.filter((one) => one !== last);
        return { side: owner, additions: constant(takeBack([...ended, ...covered], secure)) };
      }
      return { side: owner, additions: renewed(lookUp(sides, ask), carried, ask) };
    },

    ofWrite(request, ask) {
      const { capability, epoch, secure } = ask;
      const sides = capabilities.get(capability);
      if (sides === undefined) return undefined;
      const replaced = () => {
        if (!carriesPins(request)) return [];
        // The new pin is behind everything that these are about, but for what this proxy has not heard of yet.
        return carriedPins(request, capability, signer).filter(({ pin }) => pin === undefined || pin.epoch <= epoch);
      };
      const give = (pin: Pin): Fields => {
        count(capability, pin.place === undefined ? 'given-unknown' : 'given');
        return [...givePin(signer.sign(pin), secure), ...takeBack(replaced(), secure)];
      };
      return {
        answered: () => lookUp(sides, ask).then(give),
        // What was sent may have been done, be it after this answer: only a later look at the log says where.
        failed: (wasSent) => (wasSent ? give({ capability, epoch, owner: ask.owner, place: undefined }) : NO_FIELDS),
      };
    },

    async caughtUp(capability, owner, timeoutMs) {
      const sides = capabilities.get(capability);
      const place = await sides?.places[owner].read();
      if (sides === undefined || place === undefined) return false;
      const [stream, applied] = [streamFrom(owner, capability), sides.applied[owner]];
      const deadline = performance.now() + timeoutMs;
      applied.want(stream, place);
      for (;;) {
        const reached = applied.of(stream);
        if (reached !== undefined && covers(reached, place)) return true;
        if (performance.now() > deadline) return false;
        await sleep(CAUGHT_UP_INTERVAL_MS);
      }
    },

    notices() {
      return [...databaseNames(places, applied)].flatMap((name) => {
        const trouble = places.get(name)?.trouble() ?? applied.get(name)?.trouble();
        if (trouble === undefined) return [];
        return [
          `The database of ${name} cannot be asked how far it is: whoever wrote stays with the owner (${trouble})`,
        ];
      });
    },

    close() {
      for (const { close } of [...places.values(), ...applied.values()]) close();
    },
  };

  /** A read is not held back: what is not known when its answer comes is found out at the next one. */
  function renewed(
    looking: Promise<Pin>,
    carried: readonly CarriedPin[],
    { capability, secure }: PinQuestion,
  ): HeadAdditions {
    let found: Pin | undefined;
    void looking.then((pin) => {
      found = pin;
    });
    return {
      answered() {
        if (found?.place === undefined) return NO_FIELDS;
        count(capability, 'renewed');
        return [...givePin(signer.sign(found), secure), ...takeBack(carried, secure)];
      },
      failed: () => NO_FIELDS,
    };
  }
}

/** A pin that names its place. */
interface PlacedPin extends CarriedPin {
  readonly pin: Pin & { readonly place: LogPlace };
}

/** What is to be done with each of the pins that one request carries. */
interface Sorted {
  readonly ended: CarriedPin[];
  /** Of an epoch that this proxy has not heard of. */
  readonly ahead: (CarriedPin & { readonly pin: Pin })[];
  readonly waiting: PlacedPin[];
  /** Nothing can be said of these but that there was a write before this request. */
  readonly unclear: CarriedPin[];
}

function sort(carried: readonly CarriedPin[], epoch: number, reached: LogPlace | undefined): Sorted {
  const sorted: Sorted = { ended: [], ahead: [], waiting: [], unclear: [] };
  for (const one of carried) {
    const { cookie, pin } = one;
    if (pin === undefined) sorted.unclear.push(one);
    else if (pin.epoch > epoch) sorted.ahead.push({ cookie, pin });
    else if (pin.epoch < epoch || pin.place === undefined) sorted.unclear.push(one);
    else if (reached !== undefined && covers(reached, pin.place)) sorted.ended.push(one);
    else if (reached !== undefined && reached.history !== pin.place.history) sorted.unclear.push(one);
    else sorted.waiting.push({ cookie, pin: { ...pin, place: pin.place } });
  }
  return sorted;
}

function streamFrom(owner: Side, capability: string): Stream {
  return { capability, direction: owner === 'monolith' ? 'forward' : 'reverse' };
}

function constant(fields: Fields): HeadAdditions {
  return { answered: () => fields, failed: () => NO_FIELDS };
}

function databaseNames(...maps: readonly ReadonlyMap<string, unknown>[]): Set<string> {
  return new Set(maps.flatMap((map) => [...map.keys()]));
}
