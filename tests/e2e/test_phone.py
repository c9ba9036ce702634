"""A spare phone as a camera: one Chromium is the phone, others watch, listen and talk; the server only brings them
together. Both have Chromium's own test devices: a picture that turns, a microphone that beeps.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from haechi.app.settings import WhipSettings
from haechi.base.ids import CameraId
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.e2e.test_accessibility import RULES, RUN_AXE, SCHEMES, TOO_WIDE, axe
from tests.e2e.test_publishing import CAMERA_FLAGS, until_state
from tests.server import PASSWORD, House, running, settings_for

PATIENCE_MS = 90_000
DEVICES = ["camera", "microphone", "screen-wake-lock"]
LOUDEST_DB = """async media => {
  const stream = document.querySelector(media)?.srcObject;
  if (!stream || stream.getAudioTracks().length === 0) return -200;
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  let loudest = -200;
  for (let look = 0; look < 40; look += 1) {
    await new Promise(done => setTimeout(done, 50));
    analyser.getFloatFrequencyData(bins);
    loudest = Math.max(loudest, ...bins.filter(Number.isFinite));
  }
  await context.close();
  return loudest;
}"""
"""The strongest tone within two seconds, which hold two beeps; -200: there is nothing to hear at all."""
TONE_DB = -60


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[House, Browser]]:
    settings = settings_for(folder, vision=False).model_copy(update={"whip": WhipSettings(port=0)})
    async with running(settings) as house, chromium(*CAMERA_FLAGS) as browser:
        yield house, browser


async def phone_in(browser: Browser) -> Page:
    """A phone of somebody who is not logged in, and who allows the camera."""
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB", permissions=DEVICES)
    return await opened(context)


async def opened(context: BrowserContext) -> Page:
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


async def paired(house: House, phone: Page, name: str = "Cat room") -> CameraId:
    """Pair a phone by the link that its QR code holds; the camera that it is."""
    made = (await house.http.post("/api/phones/pairings", json={"name": name})).raise_for_status().json()
    await phone.goto(house.address + made["url"])
    await expect(phone.get_by_role("heading", name=name)).to_be_visible(timeout=PATIENCE_MS)
    found = (await house.http.get(f"/api/phones/pairings/{made['id']}")).json()
    assert found["state"] == "paired"
    return CameraId(found["camera"])


async def begins(phone: Page) -> None:
    await phone.get_by_role("button", name="Start the camera").click()
    await on_duty(phone)


async def on_duty(phone: Page) -> None:
    await expect(phone.locator(".ph-duty[data-phase=on]")).to_be_visible(timeout=PATIENCE_MS)


async def sees_it_move(page: Page) -> Locator:
    """The viewer on a page, when pictures come one after the other."""
    view = page.locator(".ph-view[data-phase=live]")
    await expect(view).to_be_visible(timeout=PATIENCE_MS)
    for _ in range(2):
        frames = await view.get_attribute("data-frames") or ""
        await expect(view).not_to_have_attribute("data-frames", frames, timeout=PATIENCE_MS)
    return view


async def hears_a_tone(page: Page, media: str) -> None:
    for _ in range(30):
        if await page.evaluate(LOUDEST_DB, media) > TONE_DB:
            return
    raise AssertionError("nothing was heard for a minute")


async def watches(house: House, browser: Browser, camera: str) -> Page:
    """A page of the administrator that watches this phone."""
    page = await page_for(browser, house, permissions=DEVICES)
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(f"{house.address}/watch/{camera}")
    return page


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(420)
def test_a_phone_is_paired_by_its_code_seen_heard_and_spoken_through(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            admin = await page_for(browser, house)
            admin.set_default_timeout(PATIENCE_MS)
            await admin.goto(f"{house.address}/cameras/new?way=phone")
            await admin.get_by_label("Name").fill("Cat room")
            await admin.get_by_role("button", name="Make a code").click()
            code = await admin.locator(".hc-pairing-code").text_content() or ""

            phone = await phone_in(browser)
            await phone.goto(f"{house.address}/phone")
            await phone.get_by_label("Code").fill("XXXX-XXXX")
            await phone.get_by_role("button", name="Pair").click()
            await expect(phone.get_by_role("alert")).to_contain_text("This code is not valid")
            await phone.get_by_label("Code").fill(code.replace("-", " ").lower())
            await phone.get_by_role("button", name="Pair").click()
            await begins(phone)
            await expect(admin.get_by_text("Paired in")).to_be_visible(timeout=PATIENCE_MS)
            await sees_it_move(admin)
            await expect(phone.locator(".ph-duty-top")).to_contain_text("admin watches", timeout=PATIENCE_MS)

            camera = (await house.http.get("/api/phones")).json()["phones"][0]["camera"]
            watcher = await watches(house, browser, camera)
            view = await sees_it_move(watcher)
            await expect(view).to_have_attribute("data-way", "direct", timeout=PATIENCE_MS)
            await expect(phone.locator(".ph-duty-top")).to_contain_text("2 watch", timeout=PATIENCE_MS)
            assert await watcher.locator("video").evaluate("video => video.muted"), "one listens only when one wants to"
            await watcher.get_by_role("button", name="Listen").click()
            assert not await watcher.locator("video").evaluate("video => video.muted")
            await hears_a_tone(watcher, ".ph-view video")

            await speaks_while_the_button_is_held(watcher, phone)

    asyncio.run(run())


async def speaks_while_the_button_is_held(watcher: Page, phone: Page) -> None:
    loudspeaker = phone.locator("audio")
    assert await loudspeaker.evaluate("audio => audio.srcObject === null || audio.paused")
    box = await watcher.get_by_role("button", name="Hold to talk").bounding_box()
    assert box is not None
    await watcher.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    await watcher.mouse.down()
    await expect(watcher.get_by_text("You can be heard")).to_be_visible(timeout=PATIENCE_MS)
    await expect(phone.locator(".ph-duty-top")).to_contain_text("admin talks", timeout=PATIENCE_MS)
    await hears_a_tone(phone, "audio")
    await watcher.mouse.up()
    await expect(watcher.get_by_text("You can be heard")).to_be_hidden(timeout=PATIENCE_MS)
    await expect(phone.locator(".ph-duty-top")).to_contain_text("2 watch", timeout=PATIENCE_MS)
    assert await loudspeaker.evaluate("audio => audio.srcObject === null && audio.paused")


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(420)
def test_a_phone_that_is_loaded_anew_goes_on_and_one_that_is_unpaired_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            phone = await phone_in(browser)
            camera = await paired(house, phone)
            assert "code" not in phone.url
            await begins(phone)
            one, two = [await watches(house, browser, camera) for _ in range(2)]
            for page in (one, two):
                await sees_it_move(page)
            await what_a_viewer_asks_is_done(one, phone)

            await the_shutter_stays_closed_when_the_page_is_loaded_anew(phone, one)
            for page in (one, two):
                await sees_it_move(page)

            await phone.get_by_role("button", name="Dark").click()
            night = phone.get_by_role("button", name="Tap to wake the screen")
            await expect(night).to_contain_text("2 watch", timeout=PATIENCE_MS)
            await night.click()
            await two.close()
            await expect(phone.locator(".ph-duty-top")).to_contain_text("admin watches", timeout=PATIENCE_MS)

            await phone.get_by_role("button", name="Stop").click()
            await expect(one.locator(".ph-view[data-phase=offline]")).to_be_visible(timeout=PATIENCE_MS)
            await expect(one.get_by_text("The phone is gone since")).to_be_visible()
            await begins(phone)
            await sees_it_move(one)

            (await house.http.post(f"/api/phones/{camera}/unpair")).raise_for_status()
            await expect(phone.get_by_role("alert")).to_contain_text("no camera any more", timeout=PATIENCE_MS)
            await expect(one.locator(".ph-view[data-phase=unpaired]")).to_be_visible(timeout=PATIENCE_MS)
            await phone.reload()
            await expect(phone.get_by_label("Code")).to_be_visible(timeout=PATIENCE_MS)

    asyncio.run(run())


async def the_shutter_stays_closed_when_the_page_is_loaded_anew(phone: Page, watcher: Page) -> None:
    shutter, closed = phone.get_by_role("button", name="Shutter"), watcher.get_by_text("The shutter is closed")
    await shutter.click()
    await expect(closed).to_be_visible(timeout=PATIENCE_MS)
    await phone.reload()
    await on_duty(phone)
    await expect(shutter).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    await expect(closed).to_be_visible(timeout=PATIENCE_MS)
    await shutter.click()
    await expect(closed).to_be_hidden(timeout=PATIENCE_MS)


async def what_a_viewer_asks_is_done(watcher: Page, phone: Page) -> None:
    """The other camera, and a smaller picture; neither needs a new connection."""
    await watcher.get_by_role("combobox", name="Quality").select_option("240")
    await watcher.wait_for_function(
        "() => document.querySelector('.ph-view video').videoHeight <= 250", timeout=PATIENCE_MS
    )
    await watcher.get_by_role("button", name="Turn camera").click()
    await expect(phone.locator(".ph-duty[data-facing=user]")).to_be_visible(timeout=PATIENCE_MS)
    await sees_it_move(watcher)
    await phone.get_by_role("button", name="Mute").click()
    await expect(watcher.get_by_text("Microphone off")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(420)
def test_the_server_sees_the_picture_only_while_the_owner_wants_it_and_rights_end_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            phone = await phone_in(browser)
            camera = await paired(house, phone)
            await begins(phone)
            await expect(phone.get_by_text("Not recorded")).to_be_visible()
            await until_state(house, camera, "peer")

            admin = await page_for(browser, house)
            admin.set_default_timeout(PATIENCE_MS)
            await admin.goto(f"{house.address}/cameras/{camera}")
            await admin.get_by_role("switch", name="Record and detect").check()
            await expect(phone.get_by_text("Recorded and watched by the server")).to_be_visible(timeout=PATIENCE_MS)
            await until_state(house, camera, "live")
            await admin.get_by_role("switch", name="Record and detect").uncheck()
            await expect(phone.get_by_text("Not recorded")).to_be_visible(timeout=PATIENCE_MS)
            await until_state(house, camera, "peer")

            guest = await guest_of(house, browser, camera)
            await sees_it_move(guest)
            await expect(guest.get_by_role("button", name="Hold to talk")).to_be_disabled()
            users = (await house.http.get("/api/users")).json()["users"]
            anna = next(user["id"] for user in users if user["name"] == "anna")
            (await house.http.patch(f"/api/users/{anna}", json={"cameras": []})).raise_for_status()
            await expect(guest.get_by_text("You may not view this camera")).to_be_visible(timeout=PATIENCE_MS)
            await expect(phone.locator(".ph-duty-top")).to_contain_text("Nobody watches", timeout=PATIENCE_MS)

            await phone.get_by_role("button", name="Stop").click()
            await phone.get_by_role("button", name="Unpair this phone").click()
            await phone.get_by_role("button", name="Unpair", exact=True).click()
            await expect(phone.get_by_label("Code")).to_be_visible(timeout=PATIENCE_MS)
            assert (await house.http.get(f"/api/phones/{camera}")).json()["paired"] is False

    asyncio.run(run())


async def guest_of(house: House, browser: Browser, camera: str) -> Page:
    """Somebody who may view this camera and no more, on the way to its page by the log-in."""
    user = {"name": "anna", "password": PASSWORD, "role": "viewer", "cameras": [camera]}
    (await house.http.post("/api/users", json=user)).raise_for_status()
    page = await opened(await browser.new_context(locale="en-GB"))
    await page.goto(f"{house.address}/watch/{camera}")
    await page.get_by_label("Name").fill("anna")
    await page.locator("input[type=password]").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(f"{house.address}/watch/{camera}", timeout=PATIENCE_MS)
    return page


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(420)
def test_both_pages_are_accessible_and_say_what_is_missing(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with stage(tmp_path) as (house, browser):
            policy = (await house.http.get("/phone")).headers["content-security-policy"]
            assert f"connect-src 'self' {house.address.replace('http', 'ws')};" in policy
            phone = await phone_in(browser)
            found = await looked_at(phone, house.address + "/phone", ".ph-code", "code", tmp_path)
            camera = await paired(house, phone)
            found += await looked_at(phone, "", ".ph-points", "ready", tmp_path)
            watcher = await watches(house, browser, camera)
            found += await looked_at(watcher, "", ".ph-view[data-phase=offline]", "offline", tmp_path)
            await begins(phone)
            await sees_it_move(watcher)
            found += await looked_at(watcher, "", ".ph-view[data-phase=live]", "watching", tmp_path)
            found += await duty_looked_at(phone, tmp_path)
            for path, waits_for, name in (
                (f"/live/{camera}", ".ph-view[data-phase=live]", "camera page"),
                (f"/cameras/{camera}", "form [role=switch]", "settings"),
                ("/live", ".hc-tile[data-state=peer]", "wall"),
            ):
                found += await looked_at(watcher, house.address + path, waits_for, name, tmp_path)
            await watcher.goto(f"{house.address}/cameras/new?way=phone")
            await watcher.get_by_label("Name").fill("Hall")
            await watcher.get_by_role("button", name="Make a code").click()
            found += await looked_at(watcher, "", ".hc-pairing-code", "pairing", tmp_path)
            another = {"name": "Door", "url": "rtsp://192.0.2.1/main"}
            door = (await house.http.post("/api/cameras", json=another)).raise_for_status().json()["id"]
            await watcher.goto(f"{house.address}/watch/{door}")
            await expect(watcher).to_have_url(f"{house.address}/live/{door}", timeout=PATIENCE_MS)
            refused = await opened(await browser.new_context(locale="ko-KR"))
            await refused.add_init_script("delete window.RTCPeerConnection")
            await refused.goto(f"{house.address}/phone")
            await expect(refused.get_by_role("alert")).to_contain_text("이 브라우저는 카메라가 될 수 없습니다")
            return found

    assert asyncio.run(run()) == []


async def duty_looked_at(phone: Page, folder: Path) -> list[str]:
    """The phone on duty: as it is, with what is chosen less often, and dark."""
    found = await looked_at(phone, "", ".ph-duty[data-phase=on]", "on duty", folder)
    await phone.get_by_role("button", name="More").click()
    await expect(phone.get_by_label("Picture", exact=True)).to_have_value("720", timeout=PATIENCE_MS)
    found += await looked_at(phone, "", ".ph-choices", "more", folder)
    await phone.get_by_role("button", name="Dark").click()
    return found + await looked_at(phone, "", ".ph-night", "night", folder)


async def looked_at(page: Page, address: str, waits_for: str, name: str, folder: Path) -> list[str]:
    """What is wrong with a page on a phone, in both schemes; leaves a picture of each."""
    if address:
        await page.goto(address)
    await expect(page.locator(waits_for).first).to_be_visible(timeout=PATIENCE_MS)
    found = []
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.evaluate(axe())
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate("scheme => { document.documentElement.dataset.mantineColorScheme = scheme; }", scheme)
        await page.wait_for_timeout(250)
        await page.screenshot(path=folder / f"{name}-{scheme}.png")
        for rule in await page.evaluate(RUN_AXE, RULES):
            places = "; ".join(str(node["target"][0]) for node in rule["nodes"][:3])
            found.append(f"{name}, {scheme}: {rule['id']}: {places}")
    wide_px = await page.evaluate(TOO_WIDE)
    return [*found, f"{name}: {wide_px} px too wide at 390 px"] if wide_px > 0 else found
