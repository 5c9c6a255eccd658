// The end of a task as something that can be waited for together with queues and connections.

extension LuaTask {
    /// An event that is set when the task has ended, by whatever way; at once if it has. A new one at each call.
    ///
    /// It is what a task is among several objects that somebody waits for: in Swift with ``waitForAny(_:timeout:)``, in Lua, where it is passed as an argument, with `fleet.wait`.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when the host cannot make it.
    public func completion() throws(LuaFleetError) -> LuaEvent {
        let event = try LuaEvent()
        handle.whenEnded { _ in try? event.set() }  // an event that is there can be set
        return event
    }
}
