import { StreamStop } from '../../errors.ts';
import { AFRESH } from '../embedded/slot.ts';
import type { LogClient } from './log-reader.ts';

/**
 * Proves that a topic still has every message from `next` on, in one order, and that nothing takes any away but time.
 *
 * @throws {StreamStop} `log-missing`, `log-gap` or `log-settings`.
 */
export async function verifyTopic(kafka: LogClient, topic: string, next: bigint, slot: string): Promise<void> {
  const state = await kafka.describeTopic(topic);
  if (!state) {
    throw new StreamStop('log-missing', `the topic ${topic} is gone, and what was in it`, AFRESH(slot));
  }
  if (state.partitions !== 1) {
    throw new StreamStop(
      'log-settings',
      `the topic ${topic} has ${state.partitions} partitions, between which there is no order`,
      `Never add partitions to it. ${AFRESH(slot)}`,
    );
  }
  const policy = state.settings['cleanup.policy'];
  if (policy !== 'delete') {
    throw new StreamStop(
      'log-settings',
      `the topic ${topic} has cleanup.policy=${policy}: compaction takes messages away that were never applied`,
      `Set cleanup.policy=delete: kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config cleanup.policy=delete; the stream goes on unless something is missing already.`,
    );
  }
  if (state.first > next || state.next < next) {
    const what =
      state.first > next
        ? `begins at ${state.first}: what came before was deleted before it was applied`
        : `ends at ${state.next}: it was made anew, or the broker has lost some of it`;
    throw new StreamStop(
      'log-gap',
      `the topic ${topic} should go on at offset ${next}, but it ${what}`,
      `Keep retention.ms longer than the longest outage. ${AFRESH(slot)}`,
    );
  }
}
