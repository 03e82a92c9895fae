/**
 * What happened to an account, in words. `whose`: `own` after the person's name, `your` to the person, else
 * the name of the person.
 */
export function accountWords(action: string, whose: string): string {
  const of = whose === 'own' || whose === 'your' ? '' : ` of ${whose}`
  const words: Record<string, string> = {
    'account.created': 'made an account',
    'account.signed-in': 'signed in',
    'account.sign-in-refused': of
      ? `tried to sign in to the account${of} and was refused`
      : 'sign-in with a wrong password was refused',
    'account.signed-out': 'signed out',
    'account.session-ended': `ended a session of ${whose === 'your' ? 'yours' : 'the own account'}`,
    'account.other-sessions-ended': 'ended all other sessions',
    'account.password-changed': 'changed the password',
    'account.password-refused': of
      ? `gave a wrong present password to change that${of}`
      : 'change of the password was refused: wrong present password',
    'account.renamed': 'changed the name',
    'account.organisation-entered':
      whose === 'your' ? 'went on in another organisation' : 'came from another organisation to work here',
  }
  const text = words[action] ?? action
  return whose === 'your' ? text[0]!.toUpperCase() + text.slice(1) : text
}
