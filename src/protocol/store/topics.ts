/** To a store's master; its clones. An endpoint subscribes to the topic of what it has. */
export const masterTopic = (store: string): string => `${store}/<$>/data/master`;
export const cloneTopic = (store: string): string => `${store}${CLONE}`;

export const isCloneTopic = (topic: string): boolean => topic.endsWith(CLONE);

const CLONE = '/<$>/data/clone';
