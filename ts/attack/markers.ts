// What only an attacker says: where it turns up, it was believed or passed on.

/** RFC 5737: nobody's address. */
export const spoofedIp = '203.0.113.66';
/** RFC 2606: nobody's name. */
export const spoofedHost = 'attacker.example';

const marker = /203\.0\.113\.66|attacker/i;

export const isMarked = (text: string): boolean => marker.test(text);

/** The field by which an innocent request is known, and what is answered to it by an origin of ours. */
export const canaryField = 'X-Canary';
export const answerToCanary = (name: string): string => `the answer to ${name}`;
