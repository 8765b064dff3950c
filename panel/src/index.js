import { InvitationsPanel } from "./element.js";

export { InvitationsPanel };

if (!customElements.get("invitations-panel")) customElements.define("invitations-panel", InvitationsPanel);
