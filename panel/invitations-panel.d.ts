/** The texts of one language. Missing texts are in English; the keys are those of `@invitations/panel/en.json`. */
export interface LanguageTexts {
  direction?: "ltr" | "rtl";
  /** Names of roles, by role ID. */
  roles?: Record<string, string>;
  texts?: Record<string, string>;
}

/** Who the token is for, and what they may do: the response of `GET /invitations/caller`. */
export interface Caller {
  account: string;
  principal: string;
  displayName?: string;
  roleID: string;
  permissions: string[];
  grantableRoles: string[];
  settings: Record<string, unknown>;
  limits: Record<string, number>;
}

/** `invitation` is the resource after the change, without its link. */
export interface InvitationChange {
  action: "created" | "resent" | "reopened" | "changed" | "revoked";
  invitation: { id: string; email: string; roleID: string; state: string } & Record<string, unknown>;
}

/** `<invitations-panel endpoint="https://…">`. It starts as soon as it has an endpoint and `getToken`. */
export class InvitationsPanel extends HTMLElement {
  /** Yields a bearer token, or the value of an `Authorization` header. Called for every request, so cache the token. */
  getToken?: () => Promise<string> | string;
  /** Texts by language tag. Without them, those of the endpoint. */
  texts?: Record<string, LanguageTexts>;
  /** Reads the list again. */
  refresh(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "invitations-panel": InvitationsPanel;
  }
  interface HTMLElementEventMap {
    "invitations-ready": CustomEvent<{ caller: Caller }>;
    "invitations-changed": CustomEvent<InvitationChange>;
    "invitations-unauthorized": CustomEvent<null>;
  }
}
