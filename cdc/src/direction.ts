import { type Migration, reverseMapping, type TableMapping, type TableName } from 'strangler-migrations/define';
import { slotName } from './capture/embedded/slot.ts';
import type { MigrationDatabases } from './config.ts';
import type { Direction, StreamName } from './stream-name.ts';

/** What one direction of a capability's sync is made of. */
export interface StreamCourse {
  readonly name: StreamName;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** What it carries, from its own source to its own target. */
  readonly mappings: readonly TableMapping[];
  /** Those of its source's tables that change hands with the ownership: it applies them only while its source owns them. */
  readonly owned: readonly TableName[];
  /** Of the slot and the publication in its source. */
  readonly slot: string;
  /** The replication origin that its apply bears in its target, so that the other direction knows its writes. */
  readonly origin: string;
  /** The origin of the other direction: what bears it is known to this stream's target, as it came from there. */
  readonly echoOrigin: string;
}

/** The course of a capability's rows in one direction. */
export function courseOf({ migration, sourceUrl, targetUrl }: MigrationDatabases, direction: Direction): StreamCourse {
  const { capability } = migration;
  const common = {
    name: { capability, direction },
    mappings: mappingsOf(migration, direction),
    slot: slotName(capability, direction),
    origin: originName(capability, direction),
  };
  if (direction === 'forward') {
    const owned = migration.tables.map((mapping) => mapping.source);
    return { ...common, sourceUrl, targetUrl, owned, echoOrigin: originName(capability, 'reverse') };
  }
  const owned = migration.tables.map((mapping) => mapping.target);
  return {
    ...common,
    ...{ sourceUrl: targetUrl, targetUrl: sourceUrl, owned, echoOrigin: originName(capability, 'forward') },
  };
}

/** What the service only follows has no way back. */
export function mappingsOf(migration: Migration, direction: Direction): readonly TableMapping[] {
  return direction === 'forward' ? [...migration.tables, ...migration.follows] : migration.tables.map(reverseMapping);
}

function originName(capability: string, direction: Direction): string {
  return `strangler_${capability.replaceAll('-', '_')}_${direction}`;
}
