import { useEffect, useRef, useState } from "react";
import type { Camera } from "@/api/types";
import { shortcutsEnabled } from "@/app/shortcuts";
import { useClock } from "@/app/site";
import { currentLanguage } from "@/i18n";
import { Loading } from "@/parts/states";
import { PhoneView } from "../viewer/view";
import { startWords } from "../words";
import "../phone.css";
import "./app.css";

/** The viewer of a phone inside the application; the same that stands on `/watch/…`. */
export function PhoneViewBox({ camera }: { camera: Camera }) {
  const place = useRef<HTMLDivElement>(null);
  const clock = useClock();
  const now = useRef(clock);
  now.current = clock;
  const language = currentLanguage();
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    let gone = false;
    void startWords(language).then(() => !gone && setSpoken(language));
    return () => {
      gone = true;
    };
  }, [language]);
  useEffect(() => {
    if (spoken === "" || place.current === null) return;
    const view = new PhoneView(place.current, {
      camera: camera.id,
      name: camera.name,
      signIn: `/login?next=${encodeURIComponent(location.pathname)}`,
      time: (ms) => now.current.dateTime(ms),
      keysOn: shortcutsEnabled,
    });
    return () => view.close();
  }, [camera.id, camera.name, spoken]);
  return (
    <>
      {spoken === "" && <Loading rows={1} height={360} />}
      <div className="hc-phone-view" ref={place} hidden={spoken === ""} />
    </>
  );
}
