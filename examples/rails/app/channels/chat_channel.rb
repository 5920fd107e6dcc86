class ChatChannel < ApplicationCable::Channel
  # anycable-rails 1.6 or newer.
  include AnyCable::Rails::Channel::Presence

  def subscribed
    stream_from "chat/#{params[:id]}"
    # Present as long as the subscription lasts, and for presence_ttl after its connection broke.
    join_presence(id: current_user.id.to_s, info: { name: current_user.name })
  end

  def speak(data)
    # What nobody needs later is not kept: broadcast_to(..., transient: true).
    ActionCable.server.broadcast("chat/#{params[:id]}", { name: current_user.name, text: data["text"] })
  end
end
