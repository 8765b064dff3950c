// The contract, browsable, with requests that go to the local service.

import { chosen, first, report, tokens } from "./session.js";

const person = chosen() ?? first;
const { api } = JSON.parse(document.body.dataset.session);
const contract = document.getElementById("contract");

const dark = matchMedia("(prefers-color-scheme: dark)");
const adaptColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", adaptColours);
adaptColours();

// What Swagger UI leaves without a name, for screen readers and the keyboard.
function nameControls() {
  const set = (selector, attribute, value) => {
    for (const found of contract.querySelectorAll(`${selector}:not([${attribute}])`)) found.setAttribute(attribute, value(found));
  };
  set("#servers", "aria-label", () => "Server");
  set(".examples-select-element", "aria-label", () => "Example");
  set(".content-type", "aria-label", () => "Content type");
  set("tr[data-param-name] :is(input, select)", "aria-label", (found) => found.closest("tr").dataset.paramName);
  set(".body-param textarea", "aria-label", () => "Body");
  set(".copy-to-clipboard button", "aria-label", () => "Copy");
  set("table[role=region]", "aria-label", (found) => found.id.replaceAll("_", " "));
  set("pre", "tabindex", () => "0");
  set(":is(h3, h4, h5)", "aria-level", (heading) => String(Number(heading.tagName[1]) - 1));
}
new MutationObserver(nameControls).observe(contract, { childList: true, subtree: true });

// The first request is to be seen at once, so the long description of the whole contract is closed.
const closedDescription = ({ React: { createElement } }) => ({
  wrapComponents: {
    Markdown: (Markdown, { specSelectors }) => (props) => {
      const text = createElement(Markdown, props);
      if (props.source !== specSelectors.specJson().getIn(["info", "description"])) return text;
      return createElement("details", null, createElement("summary", null, "Authentication, errors and other rules of all requests"), text);
    },
  },
});

const ui = SwaggerUIBundle({
  url: "/api/openapi.json",
  domNode: contract,
  plugins: [closedDescription],
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  validatorUrl: null,
  // Requests go through this port, whatever CORS_ORIGINS is. The command that is shown is for a terminal.
  requestInterceptor: (request) => {
    if (request.url.startsWith(api)) request.url = `/proxy${request.url.slice(api.length)}`;
    return request;
  },
  showMutatedRequest: false,
  onComplete: () => {
    tokens(person)()
      .then((token) => {
        ui.preauthorizeApiKey("Bearer", token);
        document.getElementById("person").textContent = `${person.name} (${person.role})`;
        document.getElementById("caller").hidden = false;
        document.getElementById("unchosen").hidden = Boolean(chosen());
      })
      .catch(report);
  },
});
