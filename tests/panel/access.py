"""Who is offered what, by which means: permissions, keyboard, screen readers, phones, languages, colours, other pages."""

from browser.chromium import PHONE, check
from playwright.sync_api import expect

from .host import Host
from .tab import WIDE, Tab, tab, until

ARABIC = {
    "ar": {
        "direction": "rtl",
        "roles": {"read-only": "قراءة فقط"},
        "texts": {
            "title": "الدعوات",
            "invite": "دعوة",
            "state_invited": "مدعو",
            "count_few": "{count} دعوات",
            "count_many": "{count} دعوة",
            "count_other": "{count} دعوة",
        },
    },
    "de": {"direction": "ltr", "roles": {"read-only": "Nur lesen"}, "texts": {"title": "Einladungen", "invite": "Einladen"}},
}


def roles(host: Host) -> None:
    """Nothing is offered that the role does not permit."""
    open_address, expired = "state.open@example.com", "state.expired@example.com"
    try:
        host.as_role("read-only")
        with tab(host.browser, host.site) as found:
            found.find("state.").offers(open_address).offers(expired)
            expect(found.page.get_by_role("button", name="Invite")).to_have_count(0)
            found.is_sound()
        host.as_role("manager")
        other = host.fixture.api.create("roles.lesser@example.com", "read-only")
        with tab(host.browser, host.site) as found:
            # It may not grant the role of the first one.
            found.offers(other["email"], "Resend", "Change", "Revoke")
            found.find("state.").offers(open_address, "Revoke").offers(expired, "Reopen", "Revoke")
            found.press("Invite")
            options = found.dialog.get_by_label("Role").locator("option").all_text_contents()
            check(options == ["read-only"], "Only roles that it may grant.", options)
            expect(found.dialog.get_by_label("Send no email; show me the link")).to_have_count(0)
        host.as_role("inviter")
        with tab(host.browser, host.site) as found:
            expect(found.page.get_by_text("does not allow you to see invitations")).to_be_visible()
            found.invite("roles.blind@example.com")
            found.closes()
            found.announces("roles.blind@example.com was invited.")
            check(not [it for it in host.site.asked if it.path.startswith("/invitations?")], "It must not list.", host.site.asked)
    finally:
        host.as_role("full-access")


def tab_to(found: Tab, label: str) -> None:
    for _ in range(120):
        if found.focused() == label:
            return
        found.page.keyboard.press("Tab")
    check(False, f"Tab must reach '{label}'.", found.focused())


def by_keyboard(host: Host) -> None:
    """Invite, change, revoke and search without a mouse."""
    with tab(host.browser, host.site) as found:
        keyboard = found.page.keyboard
        tab_to(found, "Invite")
        outline = "document.activeElement.shadowRoot.activeElement"
        outline = found.page.evaluate(f"getComputedStyle({outline}).outlineStyle + getComputedStyle({outline}).outlineWidth")
        check(outline == "solid3px", "The focus must be visible.", outline)
        keyboard.press("Enter")
        found.focus_is("Email address")
        keyboard.type("keys.only@example.com")
        keyboard.press("Tab")
        keyboard.type("read")
        tab_to(found, "Send invitation")
        keyboard.press("Enter")
        found.closes()
        found.focus_is("Invite")
        found.row("keys.only@example.com").wait_for()
        tab_to(found, "Change: keys.only@example.com")
        keyboard.press("Space")
        found.focus_is("Role")
        keyboard.press("ArrowDown")
        keyboard.press("Escape")
        found.closes()
        found.focus_is("Change: keys.only@example.com")
        tab_to(found, "Revoke: keys.only@example.com")
        keyboard.press("Enter")
        found.focus_is("Cancel")
        # A modal dialog keeps the focus inside.
        keyboard.press("Tab")
        found.focus_is("Revoke")
        keyboard.press("Enter")
        found.shows("keys.only@example.com", "Revoked")
        found.focus_is("keys.only@example.com")
        keyboard.press("Enter")
        expect(found.dialog).to_be_visible()
        keyboard.press("Escape")
        found.focus_is("keys.only@example.com")


def every_view(found: Tab) -> None:
    """Checks the list and each dialog."""
    address = "state.open@example.com"
    found.find("state.").row(address).wait_for()
    found.is_sound()
    found.page.get_by_role("button", name=address, exact=True).click()
    found.is_sound()
    found.page.keyboard.press("Escape")
    buttons = found.page.locator("header button")
    buttons.nth(1).click()
    found.is_sound()
    found.dialog.locator("[name=email]").fill("not-an-address")
    found.dialog.locator("[name=roleID]").select_option("read-only")
    found.dialog.locator("[type=submit]").click()
    expect(found.dialog.get_by_role("alert")).not_to_be_empty()
    found.is_sound()
    found.page.keyboard.press("Escape")
    buttons.nth(0).click()
    found.is_sound()
    found.dialog.locator("select").select_option("read-only")
    found.dialog.locator("textarea").fill("view.one@example.com\nview.one@example.com\nnot-an-address")
    found.dialog.locator("[type=submit]").click()
    expect(found.dialog.locator("progress")).to_be_hidden()
    found.is_sound()
    found.page.keyboard.press("Escape")
    for action in ("change", "new_link", "revoke"):
        index = ("resend", "reopen", "change", "new_link", "revoke").index(action)
        found.row(address).locator(".actions button").nth(index).click()
        found.is_sound()
        found.page.keyboard.press("Escape")
        found.closes()


def sound_everywhere(host: Host) -> None:
    """axe finds nothing, in light and dark, wide and narrow, with forced colours and reduced motion."""
    for options in (
        {},
        {"color_scheme": "dark"},
        {"viewport": PHONE, "color_scheme": "dark"},
        {"viewport": {"width": 760, "height": 800}},
        {"forced_colors": "active", "reduced_motion": "reduce"},
    ):
        with tab(host.browser, host.site, **options) as found:
            every_view(found)


def on_a_phone(host: Host) -> None:
    """On 360 pixels everything works by touch, and nothing scrolls sideways."""
    with tab(host.browser, host.site, viewport=PHONE, has_touch=True, is_mobile=True) as found:
        found.press("Invite")
        found.fill("Email address", "phone.one@example.com")
        found.dialog.get_by_label("Role").select_option("read-only")
        found.press("Send invitation")
        found.closes()
        found.row("phone.one@example.com").wait_for()
        every_view(found)
        found.find("phone.").act("Revoke", "phone.one@example.com")
        found.press("Revoke")
        found.shows("phone.one@example.com", "Role", "Revoked")
        small = (
            found.page.locator(".row")
            .first.locator("button:visible")
            .evaluate_all("buttons => buttons.filter((button) => button.getBoundingClientRect().height < 24).length")
        )
        check(small == 0, "Buttons must be large enough for fingers.", small)


def other_languages(host: Host) -> None:
    """Texts come from the endpoint, in the language of the reader or of the account, from right to left if need be."""
    host.site.texts = ARABIC
    try:
        for locale, title, invite, role in (("ar-EG", "الدعوات", "دعوة", "قراءة فقط"), ("de-AT", "Einladungen", "Einladen", "Nur lesen")):
            with tab(host.browser, host.site, locale=locale) as found:
                expect(found.page.get_by_role("heading", level=2)).to_have_text(title)
                found.press(invite)
                expect(found.dialog.locator("select").first).to_contain_text(role)
                # What has no translation is in English.
                expect(found.dialog).to_contain_text("Email address")
                found.is_sound()
                found.page.keyboard.press("Escape")
        with tab(host.browser, host.site, locale="ar") as found:
            every_view(found)
            check(
                found.page.locator(".view").evaluate("view => getComputedStyle(view).direction") == "rtl", "It must be from right to left."
            )
            box, first = found.page.locator(".row").first.bounding_box(), found.page.locator(".row .name").first.bounding_box()
            check(first["x"] + first["width"] > box["x"] + box["width"] / 2, "Rows must begin at the right.", box, first)
            # Arabic has a form of its own for three to ten.
            expect(found.page.locator("footer")).to_contain_text("3 دعوات")
        # An attribute and a property take precedence.
        with tab(host.browser, host.site, locale="ar") as found:
            found.page.evaluate("document.querySelector('invitations-panel').setAttribute('locale', 'de')")
            expect(found.page.get_by_role("heading", level=2)).to_have_text("Einladungen")
            found.page.evaluate("document.querySelector('invitations-panel').texts = { de: { texts: { title: 'Eigene' } } }")
            expect(found.page.get_by_role("heading", level=2)).to_have_text("Eigene")
        # The account's language precedes the browser's.
        with tab(host.browser, host.site, locale="ar", prepared=[host.caller(locales=["de"])]) as found:
            expect(found.page.get_by_role("heading", level=2)).to_have_text("Einladungen")
    finally:
        host.site.texts = None


LOGO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def themed(host: Host) -> None:
    """The account's name, logo and colour, legible in every colour; and the page's own."""
    background = "getComputedStyle(document.querySelector('invitations-panel').shadowRoot.querySelector('.primary')).backgroundColor"
    for colour in ("#ffe600", "#101010", "#c8102e", "#777777"):
        for scheme in ("light", "dark"):
            prepared = [host.caller(colour=colour, name="Bright & Co", logo=LOGO)]
            with tab(host.browser, host.site, color_scheme=scheme, prepared=prepared) as found:
                expect(found.page.get_by_text("Bright & Co")).to_be_visible()
                expect(found.page.locator("header img")).to_have_attribute("src", LOGO)
                used = found.page.evaluate(background)
                wanted = f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:], 16)})"
                check(used == wanted, "The button must have the account's colour.", used, wanted)
                found.is_sound()
    with tab(host.browser, host.site) as found:
        set_property = "panel.style.setProperty('--invitations-accent', '#123456')"
        found.page.evaluate(f"const panel = document.querySelector('invitations-panel'); {set_property}")
        check(found.page.evaluate(background) == "rgb(18, 52, 86)", "The page's own colour takes precedence.")


def embedded(host: Host) -> None:
    """In a page that moves it, removes it, and sets its properties late."""
    with tab(host.browser, host.site) as found:
        found.page.locator(".row").first.wait_for()
        before = len(host.site.asked)
        found.page.evaluate("const panel = document.querySelector('invitations-panel'); document.querySelector('main').prepend(panel)")
        found.page.wait_for_timeout(500)
        callers = [request for request in host.site.asked[before:] if "caller" in request.path]
        check(not callers, "Moving it must not start it again.", callers)
        found.page.evaluate("window.gone = document.querySelector('invitations-panel'); gone.remove()")
        found.page.wait_for_timeout(500)
        before = len(host.site.asked)
        found.page.wait_for_timeout(4000)
        check(len(host.site.asked) == before, "A panel that is removed must request nothing.", host.site.asked[before:])
        found.page.evaluate("document.querySelector('main').append(gone)")
        found.page.locator(".row").first.wait_for()
        ready = found.page.evaluate("""async () => {
          const late = document.createElement("invitations-panel");
          late.setAttribute("endpoint", "/proxy/");
          const ready = new Promise((done) => {
            addEventListener("invitations-ready", ({ detail }) => done(detail.caller.roleID), { once: true });
          });
          gone.replaceWith(late);
          await new Promise((done) => setTimeout(done, 200));
          late.getToken = gone.getToken;
          return ready;
        }""")
        check(ready == "full-access", "It must start when it can.", ready)
        found.page.locator(".row").first.wait_for()


def checks_can_fail(host: Host) -> None:
    """The checks of every view notice defects."""
    view = "document.querySelector('invitations-panel').shadowRoot.querySelector('.view')"
    with tab(host.browser, host.site) as found:
        found.is_sound()
        found.page.evaluate(f"{view}.append(document.createElement('input'))")
        check(any("label" in it for it in found.visit.axe()), "axe must look into the shadow tree.", found.visit.axe())
        found.page.evaluate(f"{view}.lastChild.style.setProperty('width', '200vw')")
        check(found.page.evaluate(WIDE) > 0, "What is too wide must be noticed.")
        blocked = found.page.evaluate("try { document.body.innerHTML = 'x'; false } catch { true }")
        check(blocked, "Trusted Types must be enforced.")
        until(lambda: found.visit.complaints, "A violation of the policy must be noticed.")
        found.visit.complaints.clear()
