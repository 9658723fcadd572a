"""What people come to the console for, from the first look to the end, in a real browser that nobody loads anew."""

from playwright.sync_api import Dialog

from bridge.simulator.posteverywhere import LINKEDIN
from tests.system.console.house import ADMIN, House
from tests.system.console.visitor import Visitor

OWN_PAYLOAD = """{"post": {"current": {"id": "64a1", "title": "Spring opening", "status": "published",
 "url": "https://blog.example.com/spring/", "excerpt": "The doors open at noon.", "tags": [],
 "updated_at": "2026-03-01T09:00:00.000Z", "published_at": "2026-03-01T09:00:00.000Z"}, "previous": {}}}"""


def test_a_failed_post_is_found_understood_retried_and_seen_to_go_live(stranger: Visitor, house: House) -> None:
    failed = house.failed("Our autumn lookbook")
    stranger.sign_in(ADMIN)
    page = stranger.page

    page.get_by_role("link", name="Posts", exact=True).click()
    page.get_by_label("State").select_option("failed")
    page.get_by_label("Text or id").fill("autumn")
    stranger.press("Find")
    page.get_by_role("link", name="Our autumn lookbook").click()
    stranger.says("This content violates our community guidelines")

    page.get_by_role("main").get_by_role("button", name="Retry").click()
    stranger.says("Tried again.")
    stranger.stays()
    page.get_by_role("link", name="See it live").first.wait_for()
    assert page.get_by_role("main").locator(".lead .badge").inner_text() == "posted"
    assert stranger.stayed()
    assert house.until_state(failed, "posted")["targets"][0]["url"]


def test_what_needs_a_person_is_on_top_and_goes_when_it_was_mended(ada: Visitor, house: House) -> None:
    house.posteverywhere.expire(LINKEDIN)
    house.until("the cause", lambda: [one for one in house.items("/v1/causes") if str(LINKEDIN) in one["id"]])
    parked = house.publish("We are hiring in Lisbon", "brand-linkedin", media=None)[0]
    house.until_state(parked, "parked")
    page = ada.page
    ada.goto("/console")
    ada.says("brand-linkedin must be reconnected", "1 post waits for it")

    ada.press("Reconnect")
    ada.leaves_for = (house.partner_url,)
    link = page.get_by_role("link", name="Open the page of posteverywhere")
    address = link.get_attribute("href")
    assert address is not None
    assert address.startswith(house.partner_url)
    ada.goto(f"/console/posts/{parked}")
    ada.stays()
    with ada.context.new_page() as elsewhere:
        elsewhere.goto(address)
    page.get_by_role("main").locator(".lead .badge", has_text="posted").wait_for()
    assert ada.stayed()
    ada.goto("/console")
    page.get_by_text("brand-linkedin must be reconnected").wait_for(state="detached")


def test_an_endpoint_is_made_and_tested(ada: Visitor, house: House) -> None:
    page = ada.page
    page.get_by_role("link", name="Endpoints", exact=True).click()
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("Address", exact=True).fill(f"{house.receiver_url}/hook/team")
    page.get_by_label("Name", exact=True).fill("team")
    page.get_by_label("It may be plain http").check()
    ada.press("Make it")
    secret = page.get_by_label("Secret", exact=True).input_value()
    house.receiver.trust("team", secret)

    page.get_by_role("link", name="go on to team").click()
    ada.press("Test")
    ada.says("It took it", "200")
    page.get_by_role("main").locator(".lead .badge", has_text="done").wait_for()
    assert [one.verified for one in house.receiver.of("team")][:1] == [True]
    assert secret not in house.process.log.read_text()
    for path in ("/console/endpoints/team", "/console/audit"):
        ada.goto(path)
        assert secret not in page.content()


def test_a_form_that_is_wrong_says_where_and_keeps_what_was_typed(ada: Visitor) -> None:
    page = ada.page
    ada.expected = ("422",)
    ada.goto("/console/endpoints")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("Address", exact=True).fill("nowhere")
    page.get_by_label("What it is for").fill("Alerts of the team")
    ada.press("Make it")
    address = page.get_by_label("Address", exact=True)
    assert address.get_attribute("aria-invalid") == "true"
    described = (address.get_attribute("aria-describedby") or "").split()
    assert page.locator(f"#{described[0]}").inner_text()
    assert page.get_by_label("What it is for").input_value() == "Alerts of the team"


def test_dead_letters_are_replayed_while_somebody_watches(ada: Visitor, house: House) -> None:
    house.dead_letters("crm")
    page = ada.page
    page.get_by_role("link", name="Dead letters").first.click()
    page.get_by_role("combobox", name="Endpoint").select_option("crm")
    ada.press("Find")
    ada.press("Replay all of this filter")
    ada.stays()
    page.get_by_role("progressbar").wait_for()
    page.get_by_role("main").locator(".lead .badge", has_text="done").wait_for()
    assert ada.stayed()
    progress = page.get_by_role("progressbar")
    assert progress.get_attribute("value") == progress.get_attribute("max")
    house.until("no dead letters", lambda: not house.items("/v1/deliveries?state=dead&endpoint=crm"))


def test_a_payload_of_ghost_is_previewed_step_by_step(ada: Visitor) -> None:
    page = ada.page
    page.get_by_role("link", name="Preview", exact=True).click()
    page.get_by_label("Source").select_option("blog")
    page.get_by_label("Body").fill(OWN_PAYLOAD)
    ada.press("Preview")
    ada.says("1. Who sends it", "It carries no proof of who sent it", "5. What genviral would be told")
    ada.says("Spring opening: The doors open at noon. https://blog.example.com/spring/")
    assert "Spring opening" in page.get_by_label("Body").input_value()


def test_what_is_typed_stays_while_the_page_changes_around_it(ada: Visitor, house: House) -> None:
    (post_id,) = house.publish("Still not quite", "brand-youtube", scheduled_at="2036-01-31T12:00:00Z")
    house.until_state(post_id, "scheduled")
    page = ada.page
    ada.goto(f"/console/posts/{post_id}")
    page.get_by_text("Edit", exact=True).click()
    text = page.get_by_label("Text", exact=True)
    text.fill("Half a sen")
    ada.stays()
    assert house.api.patch(f"/v1/posts/{post_id}", json={"caption": "Somebody else was faster"}).is_success
    page.get_by_role("heading", level=1, name="Somebody else was faster").wait_for()
    assert (text.input_value(), ada.stayed()) == ("Half a sen", True)
    assert text.is_visible()


def test_what_cannot_be_undone_is_asked_twice(ada: Visitor, house: House) -> None:
    (post_id,) = house.publish("Not yet", "brand-youtube", scheduled_at="2036-01-31T12:00:00Z")
    house.until_state(post_id, "scheduled")
    page = ada.page
    ada.goto(f"/console/posts/{post_id}")
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", refuse)
    ada.press("Cancel")
    assert house.show(f"/v1/posts/{post_id}")["state"] == "scheduled"
    page.once("dialog", lambda dialog: dialog.accept())
    ada.press("Cancel")
    house.until_state(post_id, "canceled")
    assert len(asked) == 1
    assert asked[0].startswith("Cancel: ")
