// Text from elsewhere, made safe for a terminal.

/** Without what could steer it: names come from configurations, certificates and clients, details from authorities. */
export const printable = (text: string): string => text.replace(steering, '?');

/** JSON that means the same, with what could steer a terminal written as escapes. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(steering, (text) =>
    Array.from(
      { length: text.length },
      (_, place) => `\\u${text.charCodeAt(place).toString(16).padStart(4, '0')}`,
    ).join(''),
  );

const steering = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
