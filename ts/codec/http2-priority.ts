// How urgent a response is, as the client says by a `priority` field or a PRIORITY_UPDATE frame (RFC 9218 §4).

export interface IH2Priority {
  /** 0 first, 7 last; 3 where nothing is said. */
  readonly urgency: number;
  /** Of use in parts: it shares its turn with others. */
  readonly incremental: boolean;
}

/** A dictionary of structured fields (RFC 8941 §3.2). What is not understood is as if not said (RFC 9218 §4). */
export function readPriority(text: string): IH2Priority {
  let urgency = 3;
  let incremental = false;
  for (const member of text.split(',', maxMembers)) {
    const [name = '', value = '?1'] = (member.split(';', 1)[0] ?? '').split('=', 2).map((part) => part.trim());
    if (name === 'u' && /^[0-7]$/.test(value)) urgency = Number(value);
    if (name === 'i' && (value === '?1' || value === '?0')) incremental = value === '?1';
  }
  return { urgency, incremental };
}

const maxMembers = 16;
